/** What went wrong, as one line for a log or a reply: whatever was thrown need not be an `Error`. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
