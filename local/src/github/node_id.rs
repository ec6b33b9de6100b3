//! Global ids: GitHub's current form is a type prefix and base64url of a msgpack array
//! `[0, repository or user id, name…]` (decoded from recorded answers).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(super) fn user(id: u64) -> String {
    encode("U_", id, None)
}

pub(super) fn organization(id: u64) -> String {
    encode("O_", id, None)
}

pub(super) fn app(id: u64) -> String {
    encode("A_", id, None)
}

pub(super) fn pull(repository: u64, number: u64) -> String {
    encode("PR_", repository, Some(&number.to_string()))
}

pub(super) fn repository(id: u64) -> String {
    encode("R_", id, None)
}

pub(super) fn reference(repository: u64, name: &str) -> String {
    encode("REF_", repository, Some(name))
}

pub(super) fn commit(repository: u64, sha: &str) -> String {
    encode("C_", repository, Some(sha))
}

pub(super) fn blob(repository: u64, sha: &str) -> String {
    encode("B_", repository, Some(sha))
}

fn encode(prefix: &str, id: u64, name: Option<&str>) -> String {
    let mut bytes = vec![if name.is_some() { 0x93 } else { 0x92 }, 0x00];
    match u32::try_from(id) {
        Ok(id) => {
            bytes.push(0xce);
            bytes.extend(id.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0xcf);
            bytes.extend(id.to_be_bytes());
        }
    }
    if let Some(name) = name {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        bytes.push(0xda);
        bytes.extend(length.to_be_bytes());
        bytes.extend(&name.as_bytes()[..usize::from(length)]);
    }
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_have_the_recorded_form() {
        assert_eq!(super::repository(446_365_735), "R_kgDOGpsAJw");
        assert_eq!(
            super::reference(446_365_735, "refs/heads/commit-with-multiple-files"),
            "REF_kwDOGpsAJ9oAJXJlZnMvaGVhZHMvY29tbWl0LXdpdGgtbXVsdGlwbGUtZmlsZXM"
        );
        assert_eq!(
            super::commit(446_365_735, "56e0c116bc2e43d75418457b4874d20a95c46ff0"),
            "C_kwDOGpsAJ9oAKDU2ZTBjMTE2YmMyZTQzZDc1NDE4NDU3YjQ4NzRkMjBhOTVjNDZmZjA"
        );
    }
}
