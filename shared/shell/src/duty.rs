//! What makes each of the seven functions: what it answers, and by which law and with which skills
//! its units are carried out.
//!
//! An executable names one duty. All that the others need is left out when it is linked.

use futures::future::{BoxFuture, FutureExt as _};
use pipeline::{Law, Stage, UnitKind};

use crate::create_task::{self, openapi};
use crate::drive::Craft;
use crate::function::Function;
use crate::invocation::{Invocation, Reply};
use crate::perform::Skills;
use crate::store::Store;
use crate::sweep::sweep;
use crate::trouble::Trouble;

/// An invocation being answered.
type Serving<'a> = BoxFuture<'a, Result<Reply, Trouble>>;

/// What one function does.
#[derive(Clone, Copy)]
pub struct Duty {
    pub(crate) stage: Stage,
    /// Answers what needs no settings and no Appwrite.
    pub(crate) front: fn(&Invocation) -> Option<Reply>,
    /// Answers everything else.
    pub(crate) serve: for<'a> fn(&'a Function, Store, &'a Invocation) -> Serving<'a>,
}

impl Duty {
    /// Takes briefs, commands and credentials.
    pub const CREATE_TASK: Self = Self {
        stage: Stage::CreateTask,
        front: openapi::answer_to,
        serve: |function, store, invocation| {
            async move {
                store.trace().tell_begin();
                create_task::answer(&store, invocation, function.clients()).await
            }
            .boxed()
        },
    };
    /// Makes plans.
    pub const PLAN: Self = Self {
        stage: Stage::Plan,
        front: |_| None,
        serve: |function, store, invocation| function.drive(&PLANS, store, invocation).boxed(),
    };
    /// Carries out assignments.
    pub const RUN_AGENT: Self = Self {
        stage: Stage::RunAgent,
        front: |_| None,
        serve: |function, store, invocation| {
            function.drive(&ASSIGNMENTS, store, invocation).boxed()
        },
    };
    /// Judges what agents wrote.
    pub const REVIEW: Self = Self {
        stage: Stage::Review,
        front: |_| None,
        serve: |function, store, invocation| function.drive(&REVIEWS, store, invocation).boxed(),
    };
    /// Reads repositories and publishes on GitHub.
    pub const PUBLISH: Self = Self {
        stage: Stage::Publish,
        front: |_| None,
        serve: |function, store, invocation| function.drive(&RELEASES, store, invocation).boxed(),
    };
    /// Deploys to Appwrite.
    pub const DEPLOY: Self = Self {
        stage: Stage::Deploy,
        front: |_| None,
        serve: |function, store, invocation| {
            function.drive(&DEPLOYMENTS, store, invocation).boxed()
        },
    };
    /// Sees to it that nothing is left behind.
    pub const SWEEP: Self = Self {
        stage: Stage::Sweep,
        front: |_| None,
        serve: |function, store, invocation| {
            async move {
                store.trace().tell_begin();
                let settings = function.clients().settings();
                let swept = sweep(&store, settings, &invocation.log).await?;
                Ok(Reply::json(200, &swept))
            }
            .boxed()
        },
    };
}

const PLANS: Craft = Craft {
    kind: UnitKind::Plan,
    law: Law::PLANS,
    skills: Skills::MODELS,
};
const ASSIGNMENTS: Craft = Craft {
    kind: UnitKind::Assignment,
    law: Law::ASSIGNMENTS,
    skills: Skills::MODELS,
};
const REVIEWS: Craft = Craft {
    kind: UnitKind::Review,
    law: Law::REVIEWS,
    skills: Skills::MODELS,
};
const RELEASES: Craft = Craft {
    kind: UnitKind::Release,
    law: Law::RELEASES,
    skills: Skills::PUBLISHING,
};
const DEPLOYMENTS: Craft = Craft {
    kind: UnitKind::Deployment,
    law: Law::DEPLOYMENTS,
    skills: Skills::DEPLOYING,
};
