// Rows of figures for people: columns as wide as what is in them. Pure.

export function tableOf(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const [first] = rows
  if (first === undefined) return ''
  const names = Object.keys(first)
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? '')))]
  const widths = names.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  const lines = cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
