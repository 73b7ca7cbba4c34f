//! Reading a range: batches are fetched ahead while those before are worked on, in an order that is the
//! same each time.

use miso_log::{Batch, ReadError, SharedLog, Span, Topic};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Batches fetched ahead, at most; the reader then waits.
pub const AHEAD: usize = 4;

/// A scan cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ScanError {
    /// The log cannot be read now.
    #[error("the log cannot be read: {0}")]
    Unavailable(String),
}

/// What comes next of a scan.
#[derive(Debug, Clone)]
pub enum Step {
    /// Records; those outside of the range may be among them, see [`Scan::wants`].
    Records(Batch),
    /// Retention removed offsets `from..to` while the scan was under way.
    Gone(Span),
}

/// A scan of spans of one topic.
#[derive(Debug)]
pub struct Scan {
    steps: mpsc::Receiver<Result<Step, ScanError>>,
    ends: Vec<i64>,
    task: JoinHandle<()>,
}

impl Scan {
    /// Begins to read. All partitions at once where the log has one order for them, else one after the
    /// other: the same spans give the same records in the same order each time.
    #[must_use]
    pub fn new(log: &SharedLog, topic: Topic, spans: &[Span]) -> Self {
        let spans: Vec<Span> = spans.iter().copied().filter(|span| span.from < span.to).collect();
        let mut ends = vec![i64::MIN; usize::try_from(topic.partitions).unwrap_or(0)];
        for span in &spans {
            if let Some(end) = usize::try_from(span.partition).ok().and_then(|p| ends.get_mut(p)) {
                *end = span.to;
            }
        }
        let waves: Vec<Vec<Span>> =
            if log.has_one_order() { vec![spans] } else { spans.into_iter().map(|span| vec![span]).collect() };
        let (sender, steps) = mpsc::channel(AHEAD);
        let log = SharedLog::clone(log);
        let task = tokio::spawn(async move {
            for wave in waves {
                if !read(&log, topic, &wave, &sender).await {
                    return;
                }
            }
        });
        Self { steps, ends, task }
    }

    /// The next step; `None` at the end of the range. Cancel-safe.
    ///
    /// # Errors
    /// [`ScanError`]; nothing comes after it.
    pub async fn next(&mut self) -> Result<Option<Step>, ScanError> {
        self.steps.recv().await.transpose()
    }

    /// Whether a record lies within the range.
    #[must_use]
    pub fn wants(&self, partition: i32, offset: i64) -> bool {
        usize::try_from(partition).ok().and_then(|p| self.ends.get(p)).is_some_and(|&end| offset < end)
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one wave to its end; `false` when nobody wants more.
async fn read(log: &SharedLog, topic: Topic, wave: &[Span], steps: &mpsc::Sender<Result<Step, ScanError>>) -> bool {
    let from: Vec<(i32, i64)> = wave.iter().map(|span| (span.partition, span.from)).collect();
    let ends: Vec<(i32, i64)> = wave.iter().map(|span| (span.partition, span.to)).collect();
    let mut reader = log.reader(topic, &from);
    loop {
        let step = match reader.next_before(&ends).await {
            Ok(None) => return true,
            Ok(Some(batch)) => {
                // What was read to its end is not read beyond it.
                for &(partition, end) in &ends {
                    if reader.position(partition).is_some_and(|at| at >= end) {
                        reader.remove(partition);
                    }
                }
                Ok(Step::Records(batch))
            }
            Err(ReadError::BehindRetention { partition, wanted, earliest }) => {
                Ok(Step::Gone(Span { partition, from: wanted, to: earliest }))
            }
            Err(error @ (ReadError::Unavailable(_) | ReadError::Closed)) => {
                Err(ScanError::Unavailable(error.to_string()))
            }
        };
        let failed = step.is_err();
        if steps.send(step).await.is_err() || failed {
            return false;
        }
    }
}
