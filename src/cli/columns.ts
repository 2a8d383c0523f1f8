/** Tables of text, aligned as Consul's two helpers align them: ryanuber/columnize, and Go's text/tabwriter. */

/** Between two columns of a table. */
const GAP = '  '

/**
 * Rows with a heading, as `members` prints. Cells are trimmed and an empty one stays empty; the last column is not filled
 * up, but a missing last cell leaves the spaces before it.
 */
export function columnize(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, width(cell.trim()))
    })
  }
  return rows
    .map((row) =>
      row.map((cell, at) => (at === row.length - 1 ? cell.trim() : fill(cell.trim(), widths[at]!))).join(GAP),
    )
    .join('\n')
}

/** Spaces between the columns of `tabbed`. */
const TAB_GAP = 6

/** Names and values, as `kv get -detailed` prints: the names filled up to the longest and six spaces. */
export function tabbed(rows: readonly (readonly [string, string])[]): string {
  const longest = Math.max(0, ...rows.map(([name]) => width(name)))
  return rows.map(([name, value]) => fill(name, longest + TAB_GAP) + value).join('\n')
}

function fill(text: string, length: number): string {
  return text + ' '.repeat(length - width(text))
}

/** Characters as people count them: code points. */
function width(text: string): number {
  return [...text].length
}
