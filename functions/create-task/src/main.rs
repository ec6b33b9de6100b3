//! The function `create-task`: see its README and `shell::duty`.

fn main() -> std::process::ExitCode {
    shell::function::run(shell::Duty::CREATE_TASK)
}
