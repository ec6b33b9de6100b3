//! The runs that are walked: what their owners want, and when.

use std::collections::VecDeque;

use pipeline::brief::{Approval, Speed};
use pipeline::{Command, Status};

use crate::world::{World, assignment, plan};

/// One kind of run, from a fresh world to its end.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    make: fn() -> World,
    /// What the owner does, one after another. A retry of what failed goes without saying.
    orders: &'static [Order],
    /// Executions end after every step, and others go on.
    pub(crate) continues: bool,
    /// Retries that it takes without a fault.
    pub(crate) retries: usize,
}

/// What an owner does.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) when: When,
    pub(crate) does: fn(&mut World),
}

/// The moment at which an owner does something.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    /// So many units have ended.
    Done(usize),
    /// Nothing goes on, and this is the status.
    Quiet(Status),
}

impl Run {
    pub(crate) fn world(&self) -> World {
        (self.make)()
    }

    pub(crate) fn orders(&self) -> VecDeque<Order> {
        self.orders.iter().copied().collect()
    }
}

fn order(world: &mut World, command: Command) {
    world.command(command).unwrap();
}

fn with_approval() -> World {
    let mut world = World::new();
    world.brief.options.approval = Approval::Plan;
    world
}

const APPROVE: Order = Order {
    when: When::Quiet(Status::AwaitingApproval),
    does: |world| order(world, Command::Approve {}),
};
const REVISE: Order = Order {
    when: When::Quiet(Status::AwaitingApproval),
    does: |world| {
        world.plan = plan(&[
            assignment("a", "a.js", &[]),
            assignment("c", "c.js", &["a"]),
        ]);
        let comment = "Other parts, please.".to_owned();
        order(world, Command::Revise { comment });
    },
};
const EDIT: Order = Order {
    when: When::Quiet(Status::AwaitingApproval),
    does: |world| {
        let wanted = [
            assignment("b", "b.js", &[]),
            assignment("a", "a.js", &["b"]),
        ];
        let assignments = wanted
            .into_iter()
            .map(|item| serde_json::from_value(item).unwrap())
            .collect();
        order(world, Command::Edit { assignments });
    },
};
const PAUSE: Order = Order {
    when: When::Done(2),
    does: |world| order(world, Command::Pause {}),
};
const RESUME: Order = Order {
    when: When::Quiet(Status::Paused),
    does: |world| order(world, Command::Resume {}),
};
const RAISE: Order = Order {
    when: When::Quiet(Status::Paused),
    does: |world| order(world, Command::Budget { micro_usd: 100_000 }),
};
const FOLLOW_UP: Order = Order {
    when: When::Quiet(Status::Completed),
    does: |world| {
        world.plan = plan(&[assignment("more", "more.js", &[])]);
        let description = "Add more.".to_owned();
        let requirements = Vec::new();
        let command = Command::FollowUp {
            description,
            requirements,
        };
        order(world, command);
    },
};

const ROLLBACK: Order = Order {
    when: When::Quiet(Status::Completed),
    does: |world| order(world, Command::Rollback { release: None }),
};

fn with_preview() -> World {
    let mut world = World::fullstack();
    world.brief.options.preview = true;
    world
}

const STANDARD: Run = Run {
    name: "standard",
    make: World::new,
    orders: &[],
    continues: false,
    retries: 0,
};

fn with_rework() -> World {
    let mut world = World::new();
    world.defects = 1;
    world
}

/// Plans that need a repair, an agent whose work does not please, and a broken build.
fn with_trouble() -> World {
    let mut world = with_rework();
    (world.broken_builds, world.hanging_builds) = (1, 1);
    let bad = plan(&[assignment("a", "../x", &["zz"])]);
    world.later_plans = vec![std::mem::replace(&mut world.plan, bad)];
    world
}

/// One agent: what repeats itself need not be long.
fn small() -> World {
    World::with(plan(&[assignment("a", "a.js", &[])]))
}

fn broken(mut world: World, builds: u32) -> World {
    world.broken_builds = builds;
    world
}

fn hanging(mut world: World, builds: u32, rounds: u32) -> World {
    (world.hanging_builds, world.hanging_rounds) = (builds, rounds);
    world
}

pub(crate) fn all() -> Vec<Run> {
    let run = |name, make| Run {
        name,
        make,
        ..STANDARD
    };
    vec![
        Run {
            continues: true,
            ..run("everything at once", with_trouble)
        },
        Run {
            orders: &[FOLLOW_UP],
            ..run("follow-up", World::new)
        },
        run("rework", with_rework),
        Run {
            orders: &[APPROVE],
            ..run("preview", || broken(hanging(with_preview(), 1, 0), 1))
        },
        Run {
            orders: &[FOLLOW_UP, ROLLBACK],
            ..run("rollback", || {
                let mut world = small();
                world.brief.name = "again".to_owned();
                world
            })
        },
        Run {
            continues: true,
            ..run("continuation", with_rework)
        },
        Run {
            orders: &[REVISE, APPROVE],
            ..run("approval", with_approval)
        },
        Run {
            orders: &[EDIT, APPROVE],
            ..run("edited plan", with_approval)
        },
        Run {
            orders: &[PAUSE, RESUME],
            continues: true,
            ..run("pause", World::new)
        },
        run("economy", || {
            let mut world = with_trouble();
            world.broken_builds = 0;
            world.brief.options.speed = Speed::Economy;
            world
        }),
        Run {
            orders: &[RAISE],
            ..run("budget", || {
                let mut world = World::new();
                world.brief.options.budget_micro_usd = Some(450);
                world
            })
        },
        run("build repair", || broken(World::new(), 1)),
        Run {
            retries: 1,
            ..run("more broken builds than are repaired", || {
                broken(small(), 3)
            })
        },
        run("hanging build", || hanging(World::new(), 1, 0)),
        run("build that always hangs, repaired", || {
            hanging(small(), 0, 1)
        }),
        Run {
            retries: 1,
            ..run("failed agent", || {
                let mut world = World::new();
                world.stuck.insert("b".to_owned());
                world
            })
        },
        Run {
            orders: &[FOLLOW_UP],
            ..run("existing repository", || with_rework().on_existing())
        },
        STANDARD,
    ]
}
