import { MapDriver } from "./map.js";
import { serve } from "./protocol.js";

await serve(new MapDriver());
