//! Reading JavaScript without running it: which brackets are code, and what a function holds.

/// What one character of a script belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Code,
    Text(char),
    Pattern { in_class: bool },
    LineComment,
    BlockComment,
}

/// Replaces everything that is not code (texts, patterns, comments) by spaces; lines and byte
/// offsets stay as they were. Code inside `${…}` of a template stays.
pub(super) fn code_only(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    let mut mode = Mode::Code;
    // For each open `${`, how many braces are open inside it.
    let mut templates: Vec<usize> = Vec::new();
    let mut last = ' ';
    let mut characters = script.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        let mut is_code = false;
        match mode {
            Mode::Code => match (character, next) {
                ('/', Some('/')) => mode = Mode::LineComment,
                ('/', Some('*')) => mode = Mode::BlockComment,
                ('/', _) if starts_pattern(last) => mode = Mode::Pattern { in_class: false },
                ('\'' | '"' | '`', _) => mode = Mode::Text(character),
                ('}', _) if templates.last() == Some(&0) => {
                    templates.pop();
                    mode = Mode::Text('`');
                }
                _ => {
                    is_code = true;
                    match (character, templates.last_mut()) {
                        ('{', Some(depth)) => *depth += 1,
                        ('}', Some(depth)) => *depth -= 1,
                        _ => {}
                    }
                }
            },
            Mode::Text(quote) => match character {
                '\\' => skip(&mut characters, &mut out),
                '$' if quote == '`' && next == Some('{') => {
                    skip(&mut characters, &mut out);
                    templates.push(0);
                    mode = Mode::Code;
                }
                _ if character == quote => mode = Mode::Code,
                _ => {}
            },
            Mode::Pattern { in_class } => match character {
                '\\' => skip(&mut characters, &mut out),
                '[' => mode = Mode::Pattern { in_class: true },
                ']' => mode = Mode::Pattern { in_class: false },
                '/' if !in_class => mode = Mode::Code,
                _ => {}
            },
            Mode::LineComment if character == '\n' => mode = Mode::Code,
            Mode::BlockComment if character == '*' && next == Some('/') => {
                skip(&mut characters, &mut out);
                mode = Mode::Code;
            }
            Mode::LineComment | Mode::BlockComment => {}
        }
        if is_code && !character.is_whitespace() {
            last = character;
        } else if mode == Mode::Code && !is_code {
            // The end of a text or pattern: a slash after it divides.
            last = if matches!(character, '\'' | '"' | '`' | '/') {
                ')'
            } else {
                last
            };
        }
        blank_unless(is_code, character, &mut out);
    }
    out
}

fn starts_pattern(last: char) -> bool {
    matches!(
        last,
        ' ' | '(' | ',' | '=' | ':' | '[' | '!' | '&' | '|' | '?' | '{' | '}' | ';' | '>' | '+'
    )
}

fn skip(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    if let Some(next) = characters.next() {
        blank_unless(false, next, out);
    }
}

fn blank_unless(keep: bool, character: char, out: &mut String) {
    if keep || character == '\n' {
        out.push(character);
    } else {
        out.extend(std::iter::repeat_n(' ', character.len_utf8()));
    }
}

/// The line (from 1) and the reason when brackets do not pair up.
pub(super) fn unbalanced(script: &str) -> Option<(usize, String)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    for (index, line) in code_only(script).lines().enumerate() {
        for character in line.chars() {
            let wanted = match character {
                '(' | '[' | '{' => {
                    open.push((character, index + 1));
                    continue;
                }
                ')' => '(',
                ']' => '[',
                '}' => '{',
                _ => continue,
            };
            match open.pop() {
                Some((found, _)) if found == wanted => {}
                _ => {
                    return Some((
                        index + 1,
                        format!("`{character}` closes nothing that is open"),
                    ));
                }
            }
        }
    }
    open.pop()
        .map(|(character, line)| (line, format!("`{character}` is never closed")))
}

/// A function of a script: the line of its head and the code of its body.
pub(super) struct Function {
    pub(super) line: usize,
    pub(super) body: String,
}

/// Finds the method or function `name(…) {` and returns its body's code.
pub(super) fn function(script: &str, name: &str) -> Option<Function> {
    let code = code_only(script);
    let mut offset = 0;
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let head = line
            .trim_start()
            .trim_start_matches("function ")
            .trim_start_matches("async ");
        let is_head = head
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('('))
            && line.trim_end().ends_with('{');
        if is_head {
            let start = offset + line.trim_end().len();
            let mut depth = 1_usize;
            let length = code[start..].find(|character| {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })?;
            return Some(Function {
                line: index + 1,
                body: code[start..start + length].to_owned(),
            });
        }
        offset += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_are_no_code() {
        let script = "const a = `x ${f({ b: '}' })} {`; // (\nconst r = /[/(]\\)/.test(\"(\"); /* { */\nconst d = 4 / 2 / 1;\n";
        assert_eq!(unbalanced(script), None);
        assert_eq!(code_only(script).len(), script.len());
        assert_eq!(unbalanced("f(\n{ ]").unwrap().0, 2);
        assert_eq!(unbalanced("{\n(a)\n").unwrap().0, 1);
    }

    #[test]
    fn body_of_a_method_is_found() {
        let script = "return {\n  add(x) {\n    if (x) { y(); }\n    save();\n  },\n  remove(id) {\n    // save();\n  },\n};\n";
        assert!(function(script, "add").unwrap().body.contains("save()"));
        let remove = function(script, "remove").unwrap();
        assert_eq!(remove.line, 6);
        assert!(!remove.body.contains("save()"));
        assert!(function(script, "missing").is_none());
    }
}
