/** The driver protocol: JSON-RPC on standard input and output, a message a line. */

import type { Backend, Driver } from "./backend.js";
import { backendError, StorageError } from "./errors.js";
import { parseInstant, toSeconds } from "./instants.js";
import { parseRecord, type VersionedRecord } from "./record.js";

/** The parameters of all methods; each request has those of its method. */
interface Params {
  handle: string;
  owner_id: string;
  task_id: string;
  record: string;
  expected_version: string;
  limit: string;
  after?: string | null;
  live_at?: string | null;
  at_most?: string | null;
  token: string;
  data: string;
  version: string;
}

interface Request {
  id: number;
  method: string;
  params: Params;
}

type Operation = (backend: Backend, params: Params) => Promise<object>;

const OPERATIONS: Record<string, Operation> = {
  get: async (backend, p) => written(await backend.get(p.owner_id, p.task_id)),
  create: async (backend, p) => versionOf(await backend.create(parseRecord(p.record))),
  put: async (backend, p) => versionOf(await backend.put(parseRecord(p.record))),
  put_if_version: async (backend, p) =>
    versionOf(await backend.putIfVersion(parseRecord(p.record), BigInt(p.expected_version))),
  delete: async (backend, p) => ({ deleted: await backend.delete(p.owner_id, p.task_id) }),
  list_by_owner: async (backend, p) => {
    const page = await backend.list(p.owner_id, atMost(p.limit), p.after ?? undefined);
    return { records: page.map(written) };
  },
  count_by_owner: async (backend, p) => {
    const liveAt = p.live_at ? parseInstant(p.live_at) : undefined;
    return { count: `${await backend.count(p.owner_id, atMost(p.at_most), liveAt)}` };
  },
  cleanup_expired: async (backend) => ({ removed: `${await backend.cleanupExpired()}` }),
};

const BACK_DOORS = {
  open_fresh: "openFresh",
  open_misconfigured: "openMisconfigured",
  plant: "plant",
  stored_expiry: "storedExpiry",
} as const;

/** Answer the requests on standard input until it ends. */
export async function serve(driver: Driver): Promise<void> {
  const session = new Session(driver);
  for await (const line of linesOf(process.stdin)) {
    // Not awaited, so that the next request does not wait for this one's answer.
    void respond(session, JSON.parse(line) as Request);
  }
}

/** The lines of a stream. Those of node:readline end at U+2028 too, which JSON has within texts. */
async function* linesOf(input: NodeJS.ReadStream): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of input.setEncoding("utf8")) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

async function respond(session: Session, { id, method, params }: Request): Promise<void> {
  let outcome: object;
  try {
    outcome = { result: await session.call(method, params) };
  } catch (error) {
    outcome = { error: described(error) };
  }
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...outcome })}\n`);
}

function described(error: unknown): object {
  if (error instanceof StorageError) {
    const data = { kind: error.kind, ...error.details };
    return { code: -32000, message: error.message, data };
  }
  // Its message may quote what is stored, and only whoever runs the driver should see that.
  console.error(error);
  return { code: -32603, message: "an unexpected error", data: { kind: "BackendError" } };
}

/** The handles that one process has opened, and what can be asked of it. */
class Session {
  readonly #driver: Driver;
  readonly #handles = new Map<string, Backend>();
  #opened = 0;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async call(method: string, params: Params): Promise<object> {
    const operation = OPERATIONS[method];
    return operation ? operation(this.#backend(params.handle), params) : this.#own(method, params);
  }

  async #own(method: string, p: Params): Promise<object> {
    const driver = this.#driver;
    switch (method) {
      case "describe":
        return this.#describe();
      case "open":
        return this.#adopt(driver.open());
      case "close":
        return this.#close(p.handle);
      case "open_fresh":
        return this.#adopt(driver.openFresh?.(p.token));
      case "dispose_fresh":
        driver.disposeFresh?.(p.token);
        return {};
      case "open_misconfigured":
        return this.#adopt(driver.openMisconfigured?.());
      case "plant":
        driver.plant?.(p.owner_id, p.task_id, p.data, BigInt(p.version));
        return {};
      case "stored_expiry": {
        const expiry = driver.storedExpiry?.(p.owner_id, p.task_id) ?? null;
        return { expires_at: expiry === null ? null : toSeconds(expiry) };
      }
      default:
        throw backendError(`there is no method ${method}`);
    }
  }

  #describe(): object {
    const { name, facts } = this.#driver;
    const offered = Object.entries(BACK_DOORS).filter(([, door]) => this.#driver[door]);
    const methods = ["put", "count_by_owner"];
    return { protocol: 1, name, facts, methods, back_doors: offered.map(([door]) => door) };
  }

  #adopt(backend: Backend | undefined): object {
    if (!backend) throw backendError("the driver does not have this back door");
    const handle = `h${++this.#opened}`;
    this.#handles.set(handle, backend);
    return { handle };
  }

  async #close(handle: string): Promise<object> {
    const backend = this.#backend(handle);
    this.#handles.delete(handle);
    await backend.close();
    return {};
  }

  #backend(handle: string): Backend {
    const backend = this.#handles.get(handle);
    if (!backend) throw backendError(`the handle ${handle} is closed`);
    return backend;
  }
}

function written({ record, version }: VersionedRecord): object {
  return { record: JSON.stringify(record), version: `${version}` };
}

function versionOf(version: bigint): object {
  return { version: `${version}` };
}

/** A limit, which no storage reaches where it is beyond what a number holds exactly. */
function atMost(limit: string | null | undefined): number {
  return Math.min(Number(limit ?? Infinity), Number.MAX_SAFE_INTEGER);
}
