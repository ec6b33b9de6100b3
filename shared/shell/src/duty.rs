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

/// Answers an invocation with the tables as its execution sees them.
type Serve = for<'a> fn(&'a Function, Store, &'a Invocation) -> Serving<'a>;

/// What one function does.
#[derive(Clone, Copy)]
pub struct Duty {
    pub(crate) stage: Stage,
    /// Answers what needs no settings and no Appwrite.
    pub(crate) front: fn(&Invocation) -> Option<Reply>,
    /// Answers everything else.
    pub(crate) serve: Serve,
}

impl Duty {
    /// A function that answers nothing without settings.
    const fn of(stage: Stage, serve: Serve) -> Self {
        Self {
            stage,
            front: |_| None,
            serve,
        }
    }

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
    pub const PLAN: Self = Self::of(Stage::Plan, |function, store, invocation| {
        function.drive(&PLANS, store, invocation).boxed()
    });
    /// Carries out assignments.
    pub const RUN_AGENT: Self = Self::of(Stage::RunAgent, |function, store, invocation| {
        function.drive(&ASSIGNMENTS, store, invocation).boxed()
    });
    /// Judges what agents wrote.
    pub const REVIEW: Self = Self::of(Stage::Review, |function, store, invocation| {
        function.drive(&REVIEWS, store, invocation).boxed()
    });
    /// Reads repositories and publishes on GitHub.
    pub const PUBLISH: Self = Self::of(Stage::Publish, |function, store, invocation| {
        function.drive(&RELEASES, store, invocation).boxed()
    });
    /// Deploys to Appwrite.
    pub const DEPLOY: Self = Self::of(Stage::Deploy, |function, store, invocation| {
        function.drive(&DEPLOYMENTS, store, invocation).boxed()
    });
    /// Sees to it that nothing is left behind.
    pub const SWEEP: Self = Self::of(Stage::Sweep, |function, store, invocation| {
        async move {
            store.trace().tell_begin();
            let settings = function.clients().settings();
            let swept = sweep(&store, settings, &invocation.log).await?;
            Ok(Reply::json(200, &swept))
        }
        .boxed()
    });
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
