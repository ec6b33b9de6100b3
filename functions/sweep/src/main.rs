//! The function `sweep`: see its README and `shell::duty`.

fn main() -> std::process::ExitCode {
    shell::function::run(shell::Duty::SWEEP)
}
