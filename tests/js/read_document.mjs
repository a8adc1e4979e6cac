// Opens a document that `meshaid export --format automerge` wrote, with the Automerge of npm, and
// prints it as JSON: the content, the heads, the number of changes, and per record the fields
// that hold several values. Usage: node read_document.mjs FILE
import { readFileSync } from "node:fs"
import process from "node:process"
import * as Automerge from "@automerge/automerge"

const plain = (_, value) => {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") }
  if (Automerge.isImmutableString?.(value)) return value.toString()
  if (typeof value === "bigint") return Number(value)
  return value
}

const [file, ...surplus] = process.argv.slice(2)
if (file === undefined || surplus.length > 0) {
  process.stderr.write("usage: node read_document.mjs FILE\n")
  process.exit(2)
}

const document = Automerge.load(new Uint8Array(readFileSync(file)))
const conflicts = {}
for (const [id, record] of Object.entries(document.records ?? {})) {
  for (const field of Object.keys(record)) {
    const values = Automerge.getConflicts(record, field)
    if (values !== undefined) (conflicts[id] ??= {})[field] = Object.values(values)
  }
}
const result = {
  content: document,
  conflicts,
  heads: Automerge.getHeads(document),
  changes: Automerge.getAllChanges(document).length,
}
process.stdout.write(JSON.stringify(result, plain) + "\n")
