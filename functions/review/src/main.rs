//! The function `review`: see its README and `shell::function`.

fn main() -> std::process::ExitCode {
    shell::function::run(shell::Stage::Review)
}
