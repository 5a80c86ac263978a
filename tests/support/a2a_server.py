"""An A2A server whose agent holds each task until somebody posts to /release/ID.

`python a2a_server.py PORT FILE STORE` keeps its tasks in an SQLite file, by the class of
`pmcp_storage.a2a` of that name. The bearer token of a request is the user's name.
"""

from __future__ import annotations

import sys

import uvicorn
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from pmcp_storage import SqliteBackend, a2a
from support.a2a_support import HeldAgent, agent_card, make_handler


class TokenIsTheName(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        scheme, _, name = conn.headers.get("authorization", "").partition(" ")
        return (AuthCredentials(), SimpleUser(name)) if scheme == "Bearer" else None


def make_app(port: int, path: str, store: str) -> Starlette:
    agent = HeldAgent()
    card = agent_card(f"http://127.0.0.1:{port}/")
    handler = make_handler(agent, getattr(a2a, store)(SqliteBackend(path)), card)

    async def release(request: Request) -> Response:
        agent.release(request.path_params["task_id"])
        return Response()

    return Starlette(
        routes=[
            *create_agent_card_routes(card),
            *create_jsonrpc_routes(handler, "/"),
            Route("/release/{task_id}", release, methods=["POST"]),
        ],
        middleware=[Middleware(AuthenticationMiddleware, backend=TokenIsTheName())],
    )


if __name__ == "__main__":
    port, path, store = sys.argv[1:]
    uvicorn.run(make_app(int(port), path, store), port=int(port), log_level="warning")
