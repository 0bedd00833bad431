//! A task that ends with its owner.

use std::future::Future;

use tokio::task::{AbortHandle, JoinHandle};

/// A spawned task that is aborted when this handle is dropped, so that no simulated device outlives its test.
#[derive(Debug)]
pub struct Task {
    join: JoinHandle<()>,
}

impl Task {
    /// Spawns `future` on the current runtime.
    pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            join: tokio::spawn(future),
        }
    }

    /// Waits for the end; a task that panicked or was aborted has ended too.
    pub async fn finished(&mut self) {
        // The outcome carries nothing: a panic was already printed by the panic hook.
        let _ = (&mut self.join).await;
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }

    /// A handle that can stop the task from elsewhere.
    pub fn abort_handle(&self) -> AbortHandle {
        self.join.abort_handle()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.join.abort();
    }
}
