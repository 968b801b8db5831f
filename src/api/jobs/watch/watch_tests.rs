//! Tests of the event stream as its readers see it. Time is paused: it advances when all tasks wait.

#[path = "watch_reader_tests.rs"]
mod reader;

use tokio::time::sleep;

use super::*;
use crate::auth::keyring::Keyring;
use crate::auth::{Auth, Caller};
use crate::jobs::label_selector::Selector;
use crate::jobs::state::State;
use reader::{MOMENT, Reader, Source, events, only};

#[tokio::test(start_paused = true)]
async fn a_comment_comes_every_fifteen_seconds() {
    let source = Source::of(0);
    let mut reader = Reader::open(&source, &Filter::default());
    reader.catch_up().await;
    reader.piece(Duration::MAX).await.unwrap();
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(reader.piece(Duration::MAX).await.unwrap(), ": heartbeat\n\n");
        assert_eq!(began.elapsed().as_secs(), 15);
    }
}

#[tokio::test(start_paused = true)]
async fn a_comment_comes_although_other_jobs_change_constantly() {
    let mut source = Source::of(1);
    let mut reader = Reader::open(&source, &only(State::Failed));
    reader.catch_up().await;
    let began = Instant::now();
    let comment = loop {
        source.change(0, State::Running);
        if let Some(piece) = reader.piece(Duration::from_secs(1)).await {
            break piece;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "no comment comes");
    };
    assert_eq!(comment, ": heartbeat\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_a_snapshot_gets_more_changes_than_the_store_keeps() {
    let mut source = Source::of(1000);
    let (mut reader, mut text) = (Reader::open(&source, &Filter::default()), String::new());
    while let Some(piece) = reader.piece(MOMENT).await {
        let is_snapshot = !text.contains("snapshot-end");
        events(&piece).for_each(|event| reader.take(event));
        text += &piece;
        (0..300).filter(|_| is_snapshot).for_each(|_| source.change(0, State::Running));
    }
    assert!(!text.contains("event: reset"), "the snapshot starts again");
    assert_eq!(reader.picture, source.picture(&Filter::default()));
}

/// A reader with a key, and the keys file.
pub(super) struct Holder {
    file: std::path::PathBuf,
    pub(super) auth: Arc<Auth>,
    pub(super) caller: Caller,
}

impl Holder {
    pub(super) fn new(name: &str) -> Self {
        let file = std::env::temp_dir().join(format!("eks-api-key-of-{name}-{}", std::process::id()));
        // The SHA-256 of the key "one".
        let hash = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        std::fs::write(&file, format!("one role=read namespaces=* sha256={hash}\n")).unwrap();
        let auth = Auth::ApiKey(Arc::new(Keyring::open(&file).unwrap()));
        let caller = auth
            .identify(crate::auth::Credentials {
                api_key: Some(crate::util::secret::Secret::new("one")),
                ..Default::default()
            })
            .unwrap();
        Self { file, auth: Arc::new(auth), caller }
    }

    /// Removes the key from the file.
    pub(super) fn revoke(&self) {
        std::fs::write(&self.file, "cert:nobody role=read namespaces=*\n").unwrap();
        let Auth::ApiKey(keyring) = &*self.auth else { panic!("no keys") };
        keyring.reload().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_reason_within_a_minute_after_the_key_is_revoked() {
    let holder = Holder::new("a-reader");
    let mut source = Source::read_by(holder.caller.clone(), Arc::clone(&holder.auth), 1);
    let mut reader = Reader::open(&source, &Filter::default());
    let began = Instant::now();
    reader.catch_up().await;
    assert_eq!(reader.piece(Duration::from_secs(20)).await.unwrap(), ": heartbeat\n\n");
    holder.revoke();
    let last_comment = loop {
        let piece = reader.piece(Duration::from_mins(2)).await.unwrap();
        assert!(began.elapsed() < Duration::from_mins(5), "the stream goes on");
        if piece != ": heartbeat\n\n" {
            break piece;
        }
    };
    assert_eq!(last_comment, ": the permissions of this caller have changed; call again\n\n");
    assert_eq!((began.elapsed().as_secs(), source.records()), (60, 1));
    source.change(0, State::Running);
    assert!(reader.has_ended().await);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_enters_and_leaves_the_filter_during_the_snapshot_is_removed() {
    let parts = 4;
    let mut source = Source::of(parts * PAGE as u64);
    let running = only(State::Running);
    (1..parts * PAGE as u64).for_each(|number| source.change(number, State::Running));
    let mut reader = Reader::open(&source, &running);
    // Two pages are buffered whenever one is read, and the oldest job is in the last.
    for read in 1..parts {
        sleep(MOMENT).await;
        match parts - read {
            3 => source.change(0, State::Running),
            1 => source.change(0, State::Completed),
            _ => {}
        }
        let piece = reader.piece(MOMENT).await.unwrap();
        events(&piece).for_each(|event| reader.take(event));
    }
    reader.catch_up().await;
    assert_eq!(reader.picture, source.picture(&running));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_resumes_within_a_batch_misses_no_change() {
    let mut source = Source::of(2);
    let running = only(State::Running);
    source.change(0, State::Running);
    let mut reader = Reader::open(&source, &running);
    reader.catch_up().await;
    // The reader gets one piece: first job 1, then job 0.
    source.change(0, State::Completed);
    source.change(1, State::Running);
    source.change(0, State::Failed);
    let piece = reader.piece(MOMENT).await.unwrap();
    let first = events(&piece).next().unwrap();
    assert!(first.contains("\"uid-1\""), "{piece}");
    reader.take(first);
    reader.resume(&source);
    reader.catch_up().await;
    assert_eq!(reader.picture, source.picture(&running));
}

/// Readers read, pause, disconnect within a batch and resume, while jobs change at random.
#[tokio::test(start_paused = true)]
async fn after_any_sequence_of_events_a_reader_has_the_jobs_of_the_store() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut source = Source::of(random.u64(0..500));
        let state = State::ALL.get(random.usize(0..8)).copied();
        let selector = ["", "team=a", "team!=a", "team in (a,b)", "!team"][random.usize(0..5)];
        let filter = Filter { state, selector: Selector::parse(selector).unwrap(), ..Filter::default() };
        let mut reader = Reader::open(&source, &filter);
        for _ in 0..random.usize(0..200) {
            match random.u8(0..10) {
                0 => reader.resume(&source),
                1..5 => {
                    let Some(piece) = reader.piece(MOMENT).await else { continue };
                    let whole = random.bool();
                    let read = if whole { usize::MAX } else { random.usize(0..10) };
                    events(&piece).take(read).for_each(|event| reader.take(event));
                    if !whole {
                        reader.resume(&source);
                    }
                }
                _ => {
                    let most = if random.u8(0..20) == 0 { 1100 } else { 20 };
                    for _ in 0..random.usize(0..most) {
                        let number = random.u64(0..500);
                        match random.usize(0..7) {
                            0..2 => source.delete(number),
                            2 => source.change(number, State::Pending),
                            3 => source.change(number, State::Running),
                            4 => source.relabel(number, "a", State::Running),
                            5 => source.relabel(number, "b", State::Running),
                            _ => source.change(number, State::Completed),
                        }
                    }
                }
            }
        }
        reader.catch_up().await;
        assert_eq!(reader.picture, source.picture(&filter), "seed {seed}");
    }
}
