/** Where the assignments of a plan stand in a picture: layered from left to right. Pure. */

export const NODE_WIDTH = 184;
export const NODE_HEIGHT = 68;
const GAP_X = 56;
const GAP_Y = 16;
/** Sweeps over the layers that bring each near to what it depends on. */
const SWEEPS = 4;

export interface Item {
  id: string;
  after: readonly string[];
}

export interface Node {
  id: string;
  x: number;
  y: number;
  layer: number;
}

export interface Edge {
  from: string;
  to: string;
  /** An SVG path. */
  path: string;
}

export interface Graph {
  nodes: readonly Node[];
  edges: readonly Edge[];
  width: number;
  height: number;
}

/** The layer of each: one beyond the furthest that it depends on. What stands in a circle is cut. */
export function layersOf(items: readonly Item[]): Map<string, number> {
  const byId = new Map(items.map((item) => [item.id, item]));
  const layers = new Map<string, number>();
  const visit = (item: Item, path: ReadonlySet<string>): number => {
    const known = layers.get(item.id);
    if (known !== undefined) return known;
    let layer = 0;
    for (const id of item.after) {
      const before = byId.get(id);
      if (before && !path.has(id)) layer = Math.max(layer, visit(before, new Set(path).add(id)) + 1);
    }
    layers.set(item.id, layer);
    return layer;
  };
  for (const item of items) visit(item, new Set([item.id]));
  return layers;
}

/** The picture of `items`. */
export function graphOf(items: readonly Item[]): Graph {
  const layers = layersOf(items);
  const count = Math.max(0, ...layers.values()) + 1;
  const rows: string[][] = Array.from({ length: count }, () => []);
  for (const { id } of items) rows[layers.get(id) ?? 0]?.push(id);
  order(rows, items);
  const tallest = Math.max(0, ...rows.map((row) => row.length));
  const heightOf = (length: number) => length * NODE_HEIGHT + Math.max(0, length - 1) * GAP_Y;
  const height = heightOf(tallest);
  const nodes = rows.flatMap((row, layer) => {
    const top = (height - heightOf(row.length)) / 2;
    return row.map((id, place): Node => ({ id, layer, x: layer * (NODE_WIDTH + GAP_X), y: top + place * (NODE_HEIGHT + GAP_Y) }));
  });
  const at = new Map(nodes.map((node) => [node.id, node]));
  const edges = items.flatMap((item) =>
    item.after.flatMap((id): Edge[] => {
      const [from, to] = [at.get(id), at.get(item.id)];
      return from && to && from.layer < to.layer ? [{ from: id, to: item.id, path: curve(from, to) }] : [];
    }),
  );
  return { nodes, edges, width: items.length === 0 ? 0 : count * NODE_WIDTH + (count - 1) * GAP_X, height };
}

function curve(from: Node, to: Node): string {
  const [x1, y1, x2, y2] = [from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2, to.x - 6, to.y + NODE_HEIGHT / 2];
  const bend = Math.min(GAP_X, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** Orders each layer by the middle of what stands beside it, so that fewer lines cross. */
function order(rows: string[][], items: readonly Item[]) {
  const before = new Map(items.map(({ id, after }) => [id, after]));
  const behind = new Map<string, string[]>();
  for (const { id, after } of items) for (const other of after) behind.set(other, [...(behind.get(other) ?? []), id]);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    const neighbours = forward ? before : behind;
    const places = new Map(rows.flatMap((row) => row.map((id, place) => [id, place - row.length / 2] as const)));
    for (const row of forward ? rows.slice(1) : rows.slice(0, -1)) {
      const middle = (id: string) => {
        const near = (neighbours.get(id) ?? []).map((other) => places.get(other) ?? 0);
        return near.length === 0 ? (places.get(id) ?? 0) : near.reduce((sum, place) => sum + place, 0) / near.length;
      };
      const middles = new Map(row.map((id) => [id, middle(id)]));
      row.sort((one, other) => (middles.get(one) ?? 0) - (middles.get(other) ?? 0));
      for (const [place, id] of row.entries()) places.set(id, place - row.length / 2);
    }
  }
}
