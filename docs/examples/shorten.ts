/** Shortens a query vector as cf-migrate --dims does for a cosine index. */
export function shorten(vector: number[], dims: number): number[] {
  const kept = Float32Array.from(vector.slice(0, dims)); // 32-bit floats, as the index holds them
  let squares = 0;
  for (const number of kept) squares += number * number;
  if (squares === 0 || vector.length === dims) return Array.from(kept);
  const norm = Math.sqrt(squares);
  return Array.from(kept.map((number) => number / norm));
}
