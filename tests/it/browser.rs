//! The web page, a generated app and the console in headless Chromium: see `tests/browser`.

use std::path::Path;
use std::process::Command;

use secrecy::ExposeSecret as _;

use crate::world::{World, blocking, todo};

/// Runs a script of `tests/browser` on an address.
pub(crate) async fn browse(world: &World, script: &'static str, address: String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let screenshots = world.folder.path().join("screenshots");
    let key = world.hosting.platform.key().expose_secret().to_owned();
    let output = blocking(move || {
        Command::new("node")
            .env("PLATFORM_KEY", key)
            .arg(script)
            .arg(address)
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
}

/// Where the platform serves our page.
fn page(world: &World) -> String {
    let endpoint = world.hosting.platform.endpoint();
    format!("{}/", endpoint.trim_end_matches("/v1"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_goes_from_the_form_to_the_finished_app() {
    let world = World::start().await;
    browse(&world, "form-to-link.mjs", page(&world)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_guest_becomes_an_account_and_keeps_the_projects() {
    let world = World::start().await;
    browse(&world, "shell.mjs", page(&world)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_watches_and_steers_a_project_through_a_cut_network() {
    let world = World::start().await;
    browse(&world, "board.mjs", page(&world)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_use_one_app_and_each_sees_only_their_own() {
    let world = World::start().await;
    let row = world.run(&todo()).await;
    let site = row.text("siteUrl").unwrap().to_owned();
    browse(&world, "two-people.mjs", site).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_sees_in_the_console_what_went_on() {
    let world = World::start().await;
    world.run(&todo()).await;
    let link = world.hosting.platform.console_link();
    browse(&world, "console.mjs", link.expose_secret().to_owned()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_person_looks_at_the_result_and_goes_back_to_an_earlier_one() {
    let world = World::start().await;
    browse(&world, "result.mjs", page(&world)).await;
    world.stop().await;
}
