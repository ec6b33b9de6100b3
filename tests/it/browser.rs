//! The web page and a generated app in headless Chromium: see `tests/browser`.

use std::path::Path;
use std::process::Command;

use crate::world::{World, blocking};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_goes_from_the_form_to_the_finished_app() {
    let world = World::start().await;
    let page = format!(
        "{}/",
        world.hosting.platform.endpoint().trim_end_matches("/v1")
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let screenshots = world.folder.path().join("screenshots");
    let output = blocking(move || {
        Command::new("node")
            .arg("form-to-link.mjs")
            .arg(page)
            .arg(screenshots)
            .current_dir(folder)
            .output()
            .unwrap()
    })
    .await;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    world.stop().await;
}
