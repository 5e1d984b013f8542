//! Slow work in the background: jobs are claimed and run, and the derived indexes follow the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::error::Result;
use super::{App, folders, websites};
use crate::domain::id::{AccountId, SourceId};
use crate::domain::job::{Job, Work};
use crate::ingest::{self, IngestError};
use crate::{clock, limits};

/// Jobs run at once: while one document is embedded, the next is read.
const WORKERS: usize = 2;
/// Web sites read at once; each waits for its server most of the time.
const WEB_READERS: usize = 4;
/// How long an idle worker sleeps before it looks for jobs whose time has come.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The first wait before a job is tried again; it doubles with each try.
const RETRY_MS: i64 = 5_000;

/// The tasks that run until the appliance stops.
pub struct Workers {
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// Starts the workers, the builder of vectors, the readers of web sites, who keeps folders in step, and the indexer.
pub fn start(app: &App) -> Workers {
    let (stop, stopped) = watch::channel(false);
    let mut tasks: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(work(app.clone(), stopped.clone()))).collect();
    tasks.push(tokio::spawn(build(app.clone(), stopped.clone())));
    let follow = |turn, woken| tokio::spawn(turns(app.clone(), turn, woken, stopped.clone()));
    tasks.extend((0..WEB_READERS).map(|_| follow(visit, |app| &app.visit)));
    tasks.push(follow(look, |app| &app.watch));
    tasks.push(tokio::spawn(index(app.clone(), stopped)));
    Workers { tasks, stop }
}

impl Workers {
    /// Lets the step in hand end, within the limit; what is cut off is done again after the next start.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(self.tasks);
        if tokio::time::timeout(Duration::from_secs(limits::STOP_SECONDS_MAX), all).await.is_err() {
            tracing::warn!("background work did not end in time; it goes on after the next start");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

async fn work(app: App, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let notified = app.work.notified();
        match app.store.claim_job(clock::now_ms()).await {
            Ok(Some(job)) => tokio::select! {
                () = run(&app, job) => {}
                _ = stopped.changed() => break,
            },
            Ok(None) => {
                if !rest(notified, &mut stopped).await {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(%error, "no job could be claimed");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

/// Makes the vectors of another model beside the workers, so that documents do not wait for it.
async fn build(app: App, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match app.store.claim_build(clock::now_ms()).await {
            Ok(Some(job)) => tokio::select! {
                built = app.build(&job) => {
                    if let Err(error) = built {
                        later(&app, &job, error.to_string()).await;
                    }
                }
                _ = stopped.changed() => break,
            },
            Ok(None) => {
                if !rest(app.build.notified(), &mut stopped).await {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(%error, "no generation could be claimed");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

/// Something that is done again and again for as long as there is work: whether there was any.
type Turn = fn(App) -> BoxFuture<'static, Result<bool>>;

/// Removes web sites that are to go, and reads those that are due.
fn visit(app: App) -> BoxFuture<'static, Result<bool>> {
    Box::pin(async move { Ok(websites::clear(&app).await? || websites::read_next(&app).await?) })
}

/// Removes folders that are to go, and looks through those that are due.
fn look(app: App) -> BoxFuture<'static, Result<bool>> {
    Box::pin(async move { Ok(folders::clear(&app).await? || folders::read_next(&app).await?) })
}

/// Takes turn after turn; between two that find nothing to do it waits for `woken`.
async fn turns(app: App, turn: Turn, woken: fn(&App) -> &Notify, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let notified = woken(&app).notified();
        let taken = tokio::select! {
            taken = turn(app.clone()) => taken,
            _ = stopped.changed() => break,
        };
        match taken {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "nothing that is followed could be read"),
        }
        if !rest(notified, &mut stopped).await {
            break;
        }
    }
}

/// Waits until there may be work again; false if the appliance stops.
async fn rest(woken: impl Future<Output = ()>, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = woken => true,
        () = tokio::time::sleep(LOOK_AGAIN) => true,
        _ = stopped.changed() => false,
    }
}

async fn run(app: &App, job: Job) {
    let Work::Ingest(id) = job.work else { return };
    let held = app.in_hand.take(id);
    let source = match app.store.source_of_job(id).await {
        Ok(Some(source)) if !source.state.is_settled() => source,
        // Deleted or stopped before it was taken in hand.
        Ok(_) => return,
        Err(error) => return later(app, &job, error.to_string()).await,
    };
    tracing::info!(source = %id, file = %source.file_name, attempt = job.tries, "reading");
    let rooms = app.ingest_rooms();
    let done = tokio::select! {
        done = ingest::ingest(&rooms, &job, &source, clock::now_ms) => done,
        () = held.let_go.notified() => return tracing::info!(source = %id, "stopped"),
    };
    match done {
        Ok(Some(done)) => {
            tracing::info!(source = %id, chunks = done.chunks, pages = done.pages, stages = ?done.stages, "stored");
            app.stages.add(&done.stages);
            // Its parts, if it has any, are sources that wait now.
            app.work.notify_waiters();
            app.indexer.wants(source.account);
        }
        Ok(None) => tracing::info!(source = %id, "deleted or stopped while it was read"),
        Err(IngestError::Document(reason)) => {
            tracing::warn!(source = %id, %reason, "could not be read");
            let failed = app.store.fail_ingest(job.id, id, reason.to_string(), clock::now_ms()).await;
            if let Err(error) = failed {
                tracing::error!(source = %id, %error, "its failure could not be stored");
            }
        }
        Err(IngestError::Later(reason)) => later(app, &job, reason).await,
    }
}

async fn later(app: &App, job: &Job, reason: String) {
    let wait_ms = RETRY_MS << job.tries.min(6);
    tracing::warn!(job = %job.id, %reason, wait_ms, "will be tried again");
    if let Err(error) = app.store.retry_job_later(job.id, clock::now_ms() + wait_ms, reason).await {
        tracing::error!(job = %job.id, %error, "could not be put off; its lease runs out instead");
    }
}

/// The sources that workers have in hand.
#[derive(Default)]
pub struct InHand(Mutex<HashMap<SourceId, Arc<Notify>>>);

/// A source in hand; dropped, it no longer is.
struct Held<'a> {
    all: &'a InHand,
    id: SourceId,
    let_go: Arc<Notify>,
}

impl InHand {
    fn take(&self, id: SourceId) -> Held<'_> {
        let let_go = Arc::<Notify>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, let_go.clone());
        Held { all: self, id, let_go }
    }

    /// Has the worker that reads or embeds the source drop it, with the process that reads it. What the store should then
    /// say of it is said before.
    pub fn let_go(&self, id: SourceId) {
        if let Some(let_go) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            let_go.notify_one();
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The accounts whose derived indexes are behind.
#[derive(Default)]
pub struct Indexer {
    behind: Mutex<HashSet<AccountId>>,
    wake: Notify,
}

impl Indexer {
    /// Asks for `account`'s indexes to follow the store.
    pub fn wants(&self, account: AccountId) {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(account);
        self.wake.notify_one();
    }

    fn next(&self) -> Option<AccountId> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let account = behind.iter().next().copied()?;
        behind.take(&account)
    }
}

/// Follows the store, account by account. One commit takes in all that came while the last one ran.
async fn index(app: App, mut stopped: watch::Receiver<bool>) {
    match app.store.accounts().await {
        Ok(accounts) => accounts.iter().for_each(|account| app.indexer.wants(account.id)),
        Err(error) => tracing::error!(%error, "the accounts could not be listed"),
    }
    while !*stopped.borrow() {
        let Some(account) = app.indexer.next() else {
            tokio::select! {
                () = app.indexer.wake.notified() => {}
                _ = stopped.changed() => break,
            }
            continue;
        };
        if let Err(error) = ingest::index::catch_up(&app.ingest_rooms(), account, clock::now_ms()).await {
            tracing::error!(%account, %error, "the indexes could not follow; they are tried again");
            tokio::time::sleep(LOOK_AGAIN).await;
            app.indexer.wants(account);
        }
    }
}

/// Where the time of all documents read since the start went, in milliseconds.
#[derive(Default)]
pub struct StageTotals(Mutex<ingest::Stages>);

impl StageTotals {
    fn add(&self, done: &ingest::Stages) {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.extract_ms += done.extract_ms;
        totals.chunk_ms += done.chunk_ms;
        totals.embed_ms += done.embed_ms;
        totals.store_ms += done.store_ms;
    }

    /// The totals so far.
    pub fn get(&self) -> ingest::Stages {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
