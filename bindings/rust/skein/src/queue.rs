//! Queues: where requests are submitted, and where their events come.

use std::collections::VecDeque;
use std::os::raw::c_void;
use std::os::unix::io::RawFd;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skein_sys as ffi;

use crate::error::{call, Code, Error, Result};
use crate::event::Event;
use crate::handle::Handle;
use crate::options::{Open, QueueOptions};
use crate::request::Request;
use crate::runtime::Runtime;

/// Events taken at a time.
const MAX_EVENTS: usize = 64;

/// The first size of the text of events taken at a time, which grows if one has more.
const TEXT_BYTES: usize = 4096;

/// One queue serves any number of requests and models of its runtime. Dropping it cancels its requests.
pub struct Queue {
    handle: Handle<ffi::skein_queue_t>,
    wakeup: Mutex<Option<Arc<Wakeup>>>,
    num_running: AtomicUsize,
    taken: Mutex<VecDeque<Event>>,
}

type Wakeup = Box<dyn Fn() + Send + Sync>;

impl Queue {
    /// Makes a queue.
    pub fn new(runtime: &Runtime, options: &QueueOptions) -> Result<Queue> {
        let options = options.open()?;
        // SAFETY: the pointers hold for the call.
        let handle = Handle::create(|queue, error| unsafe {
            ffi::skein_queue_create(runtime.raw(), options.raw(), queue, error)
        })?;
        Ok(Queue {
            handle,
            wakeup: Mutex::new(None),
            num_running: AtomicUsize::new(0),
            taken: Mutex::new(VecDeque::new()),
        })
    }

    /// Submits one request.
    pub fn submit(&self, request: &Request) -> Result<()> {
        self.submit_all([request])
    }

    /// Submits requests: all of them, or none.
    pub fn submit_all<'a>(&self, requests: impl IntoIterator<Item = &'a Request>) -> Result<()> {
        let requests: Vec<ffi::skein_request> = requests.into_iter().map(Request::raw).collect();
        // Another thread may take the last event before the call returns.
        self.num_running.fetch_add(requests.len(), Ordering::SeqCst);
        let (pointer, count) = (requests.as_ptr(), requests.len() as u32);
        // SAFETY: the array holds for the call.
        let result = call(|error| unsafe { ffi::skein_queue_submit(self.raw(), pointer, count, error) });
        if result.is_err() {
            self.num_running.fetch_sub(requests.len(), Ordering::SeqCst);
        }
        result
    }

    /// Takes the events that are there, oldest first and a few at a time, without waiting.
    pub fn poll(&self) -> Result<Vec<Event>> {
        let taken = std::mem::take(&mut *self.taken());
        if !taken.is_empty() {
            return Ok(taken.into());
        }
        self.take(&mut PollBuffer::new())
    }

    /// Waits for an event and takes it. None, if all requests have ended.
    pub(crate) fn next_event(&self, buffer: &mut PollBuffer) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.taken().pop_front() {
                return Ok(Some(event));
            }
            if self.num_running.load(Ordering::SeqCst) == 0 {
                return Ok(None);
            }
            self.wait(None)?;
            let events = self.take(buffer)?;
            self.taken().extend(events);
        }
    }

    /// Takes events from the library, and counts the requests that have ended.
    fn take(&self, buffer: &mut PollBuffer) -> Result<Vec<Event>> {
        let events = buffer.poll(self.raw())?;
        let num_ended = events.iter().filter(|event| event.is_terminal()).count();
        self.num_running.fetch_sub(num_ended, Ordering::SeqCst);
        Ok(events)
    }

    /// Events that were taken from the library and given to nobody yet. They outlive an iteration that ends early.
    fn taken(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until an event is there, or `timeout` has passed; `None` waits for ever. Whether one is there.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        if !self.taken().is_empty() {
            return Ok(true);
        }
        // Rounded up, so that a short time is not none.
        let round_up = |time: Duration| i64::try_from(time.as_nanos().saturating_add(999_999) / 1_000_000);
        let timeout_ms = timeout.map_or(-1, |time| round_up(time).unwrap_or(i64::MAX));
        let mut ready = 0;
        // SAFETY: the place for the answer holds for the call.
        call(|error| unsafe { ffi::skein_queue_wait(self.raw(), timeout_ms, &mut ready, error) })?;
        Ok(ready != 0)
    }

    /// The events as they come, waiting for each, until every request that was submitted has ended. Requests may be
    /// submitted meanwhile. One thread at a time iterates: the events of a queue are taken once.
    pub fn events(&self) -> Events<'_> {
        Events { queue: self, buffer: PollBuffer::new(), has_failed: false }
    }

    /// A descriptor that is readable while events are there, for `epoll` and the like. It belongs to the queue, and
    /// lives as long: do not read, write or close it.
    pub fn fd(&self) -> Result<RawFd> {
        let mut fd = -1;
        // SAFETY: the place for the descriptor holds for the call.
        call(|error| unsafe { ffi::skein_queue_fd(self.raw(), &mut fd, error) })?;
        Ok(fd)
    }

    /// Has the library call `wakeup` when the queue turns from empty to not empty, on the thread that adds the event.
    /// It may poll or submit, and nothing else of this crate. If it panics, the panic goes no further. Waits while the
    /// closure that it replaces runs on another thread.
    pub fn set_wakeup(&self, wakeup: impl Fn() + Send + Sync + 'static) -> Result<()> {
        self.replace_wakeup(Some(Arc::new(Box::new(wakeup))))
    }

    /// Removes the closure. It does not run any more, unless this is called from within it.
    pub fn clear_wakeup(&self) -> Result<()> {
        self.replace_wakeup(None)
    }

    fn replace_wakeup(&self, wakeup: Option<Arc<Wakeup>>) -> Result<()> {
        // The lock keeps the closure here and that of the library the same. The old one is dropped after it.
        let _old = {
            let mut current = self.wakeup.lock().unwrap_or_else(PoisonError::into_inner);
            let argument = wakeup.as_ref().map_or(std::ptr::null(), Arc::as_ptr);
            let function = wakeup.as_ref().map(|_| call_wakeup as unsafe extern "C" fn(*mut c_void));
            // SAFETY: the closure lives until the library has another one or the queue is released.
            call(|error| unsafe { ffi::skein_queue_set_wakeup(self.raw(), function, argument as *mut c_void, error) })?;
            std::mem::replace(&mut *current, wakeup)
        };
        Ok(())
    }

    /// Releases the queue now and cancels its requests, whose events are lost. A thread that waits for events, and
    /// every later call, get [`Code::InvalidHandle`](crate::Code::InvalidHandle).
    pub fn close(&self) -> Result<()> {
        self.handle.release()
    }

    fn raw(&self) -> ffi::skein_queue {
        self.handle.raw()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Before the closure goes: the library does not enter it after the release. It was released before if this
        // fails, and then the same holds.
        let _ = self.handle.release();
    }
}

/// The library's way to the closure.
unsafe extern "C" fn call_wakeup(argument: *mut c_void) {
    // Only borrows the queue's closure, and then owns it while it runs, since it may be replaced from within.
    let wakeup = {
        // SAFETY: the argument comes from `replace_wakeup`, and its closure lives at least until this call has begun.
        let borrowed = std::mem::ManuallyDrop::new(Arc::from_raw(argument as *const Wakeup));
        Arc::clone(&borrowed)
    };
    // No panic may go through the library. The panic hook has reported it.
    let _ = catch_unwind(AssertUnwindSafe(move || wakeup()));
}

/// Events as the library writes them.
pub(crate) struct PollBuffer {
    events: Vec<ffi::skein_event>,
    text: Vec<u8>,
}

// SAFETY: the handles in its events are values, which nothing uses after the poll.
unsafe impl Send for PollBuffer {}
// SAFETY: as above.
unsafe impl Sync for PollBuffer {}

impl PollBuffer {
    pub(crate) fn new() -> PollBuffer {
        PollBuffer { events: Vec::with_capacity(MAX_EVENTS), text: Vec::with_capacity(TEXT_BYTES) }
    }

    fn poll(&mut self, queue: ffi::skein_queue) -> Result<Vec<Event>> {
        let (mut count, mut text_bytes) = (0, 0);
        while let Err(error) = self.poll_raw(queue, &mut count, &mut text_bytes) {
            let needed = text_bytes as usize;
            if error.code() != Code::OutOfRange || needed <= self.text.capacity() {
                return Err(error);
            }
            let no_memory = |error| Error::new(Code::ResourceExhausted, format!("the text of an event: {error}"));
            self.text.clear();
            self.text.try_reserve_exact(needed).map_err(no_memory)?;
        }
        // SAFETY: the call wrote so many events, and so many bytes.
        unsafe {
            self.events.set_len(count as usize);
            self.text.set_len(text_bytes as usize);
        }
        Ok(self.events.iter().map(|event| Event::from_raw(event, &self.text)).collect())
    }

    fn poll_raw(&mut self, queue: ffi::skein_queue, count: &mut u32, text_bytes: &mut u64) -> Result<()> {
        const SIZE: u32 = std::mem::size_of::<ffi::skein_event>() as u32;
        let (events, capacity) = (self.events.as_mut_ptr(), self.events.capacity().min(MAX_EVENTS));
        let (text, text_capacity) = (self.text.as_mut_ptr().cast(), self.text.capacity() as u64);
        // Fields that an older library does not know stay zero.
        // SAFETY: the buffers have these capacities, and events have this size.
        call(|error| unsafe {
            events.write_bytes(0, capacity);
            let events = events.cast();
            ffi::skein_queue_poll(queue, events, SIZE, capacity as u32, text, text_capacity, count, text_bytes, error)
        })
    }
}

/// The events of a queue; see [`Queue::events`].
pub struct Events<'a> {
    queue: &'a Queue,
    buffer: PollBuffer,
    has_failed: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Event>;

    /// An error ends the iteration.
    fn next(&mut self) -> Option<Result<Event>> {
        if self.has_failed {
            return None;
        }
        let next = self.queue.next_event(&mut self.buffer);
        self.has_failed = next.is_err();
        next.transpose()
    }
}
