import { expect, test } from 'vitest';
import { graphOf, type Item, layersOf, NODE_HEIGHT } from './graph';

const items = (...pairs: readonly (readonly [string, ...string[]])[]): Item[] => pairs.map(([id, ...after]) => ({ id, after }));

test('each stands beyond all that it depends on', () => {
  const layers = layersOf(items(['d', 'b', 'a'], ['a'], ['b', 'a'], ['c', 'gone']));
  expect(Object.fromEntries(layers)).toEqual({ a: 0, b: 1, c: 0, d: 2 });
});

test('a circle is cut and does not hang', () => {
  const graph = graphOf(items(['a', 'c'], ['b', 'a'], ['c', 'b'], ['d', 'd']));
  expect(graph.nodes).toHaveLength(4);
  expect(graph.edges.length).toBeLessThan(4);
});

test('nodes of a layer do not overlap, and every line leads on', () => {
  const wide = items(['root'], ...Array.from({ length: 9 }, (_, index) => [`n${index}`, 'root'] as const), ['end', 'n0', 'n8']);
  const { nodes, edges, height } = graphOf(wide);
  const tops = nodes.filter(({ layer }) => layer === 1).map(({ y }) => y).sort((one, other) => one - other);
  for (const [place, top] of tops.entries()) {
    const next = tops[place + 1];
    if (next !== undefined) expect(next - top).toBeGreaterThan(NODE_HEIGHT);
  }
  expect(Math.max(...tops) + NODE_HEIGHT).toBe(height);
  expect(edges).toHaveLength(11);
});

test('lines that need not cross do not', () => {
  const { nodes } = graphOf(items(['a'], ['b'], ['y', 'b'], ['x', 'a']));
  const top = (id: string) => nodes.find((node) => node.id === id)?.y ?? 0;
  expect(top('a') < top('b')).toBe(top('x') < top('y'));
});

test('a plan of one, and of none, has a picture', () => {
  expect(graphOf([])).toEqual({ nodes: [], edges: [], width: 0, height: 0 });
  expect(graphOf(items(['a'])).height).toBe(NODE_HEIGHT);
});
