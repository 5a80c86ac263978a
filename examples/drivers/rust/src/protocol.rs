//! The driver protocol: JSON-RPC on standard input and output, a thread for each request.

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::backend::{Backend, Error, Key, Result, Storage, Versioned};
use crate::record::Record;

/// Answers requests until standard input ends.
pub fn serve(storage: impl Storage) -> io::Result<()> {
    let server = Arc::new(Server {
        storage,
        handles: Mutex::default(),
        opened: AtomicU64::new(0),
    });
    for line in io::stdin().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let server = Arc::clone(&server);
        thread::spawn(move || server.respond(&request));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Request {
    id: u64,
    method: String,
    #[serde(default)]
    params: Params,
}

/// The parameters of all methods; each looks at its own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Params {
    handle: String,
    owner_id: String,
    task_id: String,
    record: String,
    expected_version: String,
    limit: String,
    after: Option<String>,
    token: String,
    data: String,
    version: String,
}

impl Params {
    fn key(&self) -> Key {
        Key::new(&self.owner_id, &self.task_id)
    }

    fn record(&self) -> Result<Record> {
        Record::from_json(&self.record).map_err(Error::Backend)
    }
}

struct Server<S> {
    storage: S,
    handles: Mutex<HashMap<String, Arc<dyn Backend>>>,
    opened: AtomicU64,
}

impl<S: Storage> Server<S> {
    fn respond(&self, request: &Request) {
        let Request { id, method, params } = request;
        // As a web framework does it: a panic fails this request, and the server goes on.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| self.answer(method, params)));
        let response = match outcome.unwrap_or_else(|_| Err(panicked())) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error.to_json()}),
        };
        let mut output = io::stdout().lock();
        writeln!(output, "{response}").expect("standard output is open");
        output.flush().expect("standard output is open");
    }

    fn answer(&self, method: &str, params: &Params) -> Result<Value> {
        match method {
            "describe" => Ok(self.describe()),
            "open" => Ok(self.opened(self.storage.open()?)),
            "close" => Ok(self.close(&params.handle)),
            "open_fresh" => Ok(self.opened(self.storage.open_fresh(&params.token)?)),
            "dispose_fresh" => self
                .storage
                .dispose_fresh(&params.token)
                .map(|()| json!({})),
            "open_misconfigured" => Ok(self.opened(self.storage.open_misconfigured()?)),
            "plant" => self.plant(params),
            "stored_expiry" => self.stored_expiry(params),
            _ => operate(self.handle(&params.handle)?.as_ref(), method, params),
        }
    }

    fn describe(&self) -> Value {
        let mut description = self.storage.description();
        description["protocol"] = json!(1);
        description
    }

    fn opened(&self, backend: Arc<dyn Backend>) -> Value {
        let handle = format!("h{}", self.opened.fetch_add(1, Ordering::Relaxed));
        self.handles.lock().unwrap().insert(handle.clone(), backend);
        json!({"handle": handle})
    }

    fn close(&self, handle: &str) -> Value {
        self.handles.lock().unwrap().remove(handle);
        json!({})
    }

    fn handle(&self, handle: &str) -> Result<Arc<dyn Backend>> {
        let open = self.handles.lock().unwrap().get(handle).cloned();
        open.ok_or_else(|| Error::Backend("this handle is closed".into()))
    }

    fn plant(&self, params: &Params) -> Result<Value> {
        let version = saturating(&params.version);
        self.storage.plant(&params.key(), &params.data, version)?;
        Ok(json!({}))
    }

    fn stored_expiry(&self, params: &Params) -> Result<Value> {
        let microseconds = self.storage.stored_expiry(&params.key())?;
        Ok(json!({"expires_at": microseconds.map(|at| at as f64 / 1e6)}))
    }
}

fn operate(backend: &dyn Backend, method: &str, params: &Params) -> Result<Value> {
    let version = |version: i64| json!({"version": version.to_string()});
    match method {
        "get" => backend.get(&params.key()).map(versioned),
        "create" => backend.create(&params.record()?).map(version),
        "put_if_version" => backend
            .put_if_version(&params.record()?, saturating(&params.expected_version))
            .map(version),
        "delete" => Ok(json!({"deleted": backend.delete(&params.key())?})),
        "list_by_owner" => list(backend, params),
        "cleanup_expired" => Ok(json!({"removed": backend.cleanup_expired()?.to_string()})),
        _ => Err(Error::not_offered()),
    }
}

fn list(backend: &dyn Backend, params: &Params) -> Result<Value> {
    let limit = params.limit.parse().unwrap_or(usize::MAX);
    let page = backend.list_by_owner(&params.owner_id, limit, params.after.as_deref())?;
    let records: Vec<Value> = page.into_iter().map(versioned).collect();
    Ok(json!({"records": records}))
}

fn versioned(found: Versioned) -> Value {
    json!({"record": found.record.to_json(), "version": found.version.to_string()})
}

/// A version may have 40 digits; one that does not fit is one that no record has.
fn saturating(version: &str) -> i64 {
    version.parse().unwrap_or(i64::MAX)
}

fn panicked() -> Error {
    Error::OutcomeUnknown("the request panicked; standard error says where".into())
}
