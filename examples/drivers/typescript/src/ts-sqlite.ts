import { serve } from "./protocol.js";
import { SqliteDriver } from "./sqlite.js";

await serve(new SqliteDriver());
