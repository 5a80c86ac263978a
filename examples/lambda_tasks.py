"""Long jobs behind short requests: on AWS Lambda with DynamoDB, on a laptop with SQLite.

Four handlers over one task store. `submit` creates a task and answers with its id at once,
`worker` does the job and writes down how far it is, `poll` tells progress and result, and
`cancel` ends the task. The job here counts the words of some texts.

Which storage holds the tasks is decided in `task_store`, and where the worker runs in `start`;
nothing else knows. `python examples/lambda_tasks.py` runs all of it on this machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Thread
from typing import Any

from pmcp_storage import (
    GenericTaskStore,
    InvalidArgumentError,
    InvalidTransitionError,
    StorageBackend,
    StoreConfig,
    TaskConflictError,
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskStatus,
)

Json = dict[str, Any]
"""An event, or an answer: what JSON can hold."""

NOT_OURS_ANY_MORE = (InvalidTransitionError, TaskConflictError, TaskEndedError, TaskNotFoundError)
"""The task was cancelled, has expired, or another run of the same event works on it."""


@cache
def task_store() -> GenericTaskStore:
    """The store of this process: in the DynamoDB table PMCP_TABLE, or else in a SQLite file."""
    backend: StorageBackend
    if "PMCP_TABLE" in os.environ:
        from pmcp_storage import DynamoDbBackend

        backend = DynamoDbBackend.from_env()
    else:
        from pmcp_storage import SqliteBackend

        backend = SqliteBackend(os.environ.get("PMCP_SQLITE", "tasks.sqlite"))
    return GenericTaskStore(backend, StoreConfig(default_ttl_ms=900_000))


def start(event: Json) -> None:
    """Have the worker begin, and do not wait for it: a Lambda function or a thread."""
    if function := os.environ.get("WORKER_FUNCTION"):
        import boto3

        payload = json.dumps(event)
        boto3.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=payload
        )
    else:
        Thread(target=worker, args=(event, None), name=event["taskId"]).start()


def handler(answer: Callable[[str, Json], Json]) -> Callable[[Json, object], Json]:
    """The function as a Lambda handler for HTTP requests of authenticated callers."""

    def handle(event: Json, context: object) -> Json:
        # Who asks is what the authorizer found out, never what the request says.
        owner = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
        try:
            status, body = 200, answer(owner, event)
        except TaskError as error:
            status = 400 if error.code == -32602 else 503
            body = {"error": {"code": error.code, "message": str(error)}}
        return {"statusCode": status, "body": json.dumps(body)}

    return handle


@handler
def submit(owner: str, event: Json) -> Json:
    """POST {"texts": ["…", …]}: begin to count, and answer with the id of the task."""
    texts = json.loads(event["body"]).get("texts")
    if not isinstance(texts, list):
        raise InvalidArgumentError("texts", "must be a list of strings")
    task = task_store().create(owner, "tools/call", variables={"texts": texts}).record.task
    start({"owner": owner, "taskId": task.task_id})
    return {"taskId": task.task_id, "pollInterval": task.poll_interval}


@handler
def poll(owner: str, event: Json) -> Json:
    """GET ?taskId=…: how far the task is, and its result once there is one."""
    record = task_store().get(owner, event["queryStringParameters"]["taskId"]).record
    return {
        "status": record.status,
        "message": record.task.status_message,
        "progress": [len(record.variables) - 1, len(record.variables["texts"])],
        "result": record.result if record.status.is_terminal else None,
    }


@handler
def cancel(owner: str, event: Json) -> Json:
    """POST ?taskId=…: end the task; its worker notices at its next step."""
    task_id = event["queryStringParameters"]["taskId"]
    return {"status": task_store().cancel(owner, task_id).record.status}


def worker(event: Json, context: object) -> None:
    """Do the job of a task, or what is left of it.

    Lambda repeats an event whose run has failed or was killed, and may deliver one twice. Each
    run goes on where the last one wrote; a write that meets another's ends this run.
    """
    with suppress(*NOT_OURS_ANY_MORE):
        finish(event["owner"], event["taskId"])


def finish(owner: str, task_id: str) -> None:
    """Count what is left to count, and end the task with the result or with what went wrong."""
    store = task_store()
    try:
        result = {"words": sum(counted(store, owner, task_id))}
    except TaskError:
        raise  # about the task or its storage, not about the job
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        store.complete_with_result(owner, task_id, TaskStatus.FAILED, None, message)
    else:
        store.complete_with_result(owner, task_id, TaskStatus.COMPLETED, result)


def counted(store: GenericTaskStore, owner: str, task_id: str) -> list[int]:
    """The words of each text; every count is stored before the next one begins.

    Each count has a key of its own: two runs at once overwrite nothing of each other's.
    """
    variables = store.get(owner, task_id).record.variables
    keys = [f"count {number}" for number in range(len(variables["texts"]))]
    for key, text in zip(keys, variables["texts"], strict=True):
        if key not in variables:
            step = {key: count_words(text)}
            variables = store.set_variables(owner, task_id, step).record.variables
    return [variables[key] for key in keys]


def count_words(text: str) -> int:
    return len(text.split())


def main() -> None:
    """Submit a job on this machine and wait for its result."""
    caller = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": "alice"}}}}}
    body = json.dumps({"texts": ["one two", "three", "four five six"]})
    task = json.loads(submit({**caller, "body": body}, None)["body"])
    while True:
        asked = {**caller, "queryStringParameters": {"taskId": task["taskId"]}}
        answer = json.loads(poll(asked, None)["body"])
        print(answer)
        if answer["status"] != "working":
            return
        time.sleep(task["pollInterval"] / 1000)


if __name__ == "__main__":
    main()
