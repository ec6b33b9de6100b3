//! The function `publish`: see its README and `shell::duty`.

fn main() -> std::process::ExitCode {
    shell::function::run(shell::Duty::PUBLISH)
}
