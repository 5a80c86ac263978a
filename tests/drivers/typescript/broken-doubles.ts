/**
 * Breaks VAL-2: integers beyond 2^53 come back as others, and 1.0 as 1.
 *
 * Whoever reads a record with JSON.parse has made a double of every number, without a word of the
 * compiler's or an error, and the numbers of everyday tests are small enough to survive it. So the
 * driver claims what it was never seen to miss: it leaves `integers` at its default, which is that
 * all of them are exact.
 */

import { MapDriver } from "../../../examples/drivers/typescript/src/map.js";
import { serve } from "../../../examples/drivers/typescript/src/protocol.js";

class DoublesDriver extends MapDriver {
  override readonly name = "ts-broken-doubles";
  override readonly facts = { interprocess: false, durable: false };
}

await serve(new DoublesDriver());
