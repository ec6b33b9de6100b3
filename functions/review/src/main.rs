//! The function `review`: see its README and `shell::duty`.

fn main() -> std::process::ExitCode {
    shell::function::run(shell::Duty::REVIEW)
}
