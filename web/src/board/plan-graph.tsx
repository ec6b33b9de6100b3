import { useMemo } from 'preact/hooks';
import { counted } from '../lib/format';
import { Icon, type IconName } from '../ui/icon';
import { Panel } from '../ui/notice';
import { STATE_WORDS } from './agents';
import { graphOf, NODE_HEIGHT, NODE_WIDTH } from './graph';
import type { Lane } from './lanes';

const ICONS: Partial<Record<Lane['state'], IconName>> = { done: 'check', failed: 'cross', cancelled: 'cross', stopped: 'cross', coding: 'pencil' };

/**
 * The plan as a graph from left to right. Its nodes are a list, which is read and walked through in the
 * order of the layers; a narrow page shows the list alone, with what each stands behind.
 */
export function PlanGraph({ lanes, aside }: { lanes: readonly Lane[]; aside: string }) {
  const shape = JSON.stringify(lanes.map(({ id, after }) => ({ id, after })));
  const graph = useMemo(() => graphOf(JSON.parse(shape)), [shape]);
  const byId = new Map(lanes.map((lane) => [lane.id, lane]));
  const titles = (ids: readonly string[]) => ids.map((id) => byId.get(id)?.title ?? id).join(', ');
  const stateOf = (id: string) => byId.get(id)?.state;
  return (
    <Panel title="Plan" aside={aside}>
      <div class="graph-scroll">
        <div class="graph" style={{ width: `${graph.width}px`, height: `${graph.height}px` }}>
          <svg width={graph.width} height={graph.height} aria-hidden="true" focusable="false">
            <defs>
              <marker id="tip" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="6" markerHeight="6" orient="auto">
                <path d="M0 0L8 4L0 8z" />
              </marker>
            </defs>
            {graph.edges.map(({ from, to, path }) => (
              <path key={`${from} ${to}`} d={path} markerEnd="url(#tip)" data-state={stateOf(from) === 'done' ? 'done' : 'open'} />
            ))}
          </svg>
          <ol aria-label={`Plan: ${counted(lanes.length, 'assignment')}`}>
            {graph.nodes.map(({ id, x, y }) => {
              const lane = byId.get(id);
              if (!lane) return null;
              const icon = ICONS[lane.state];
              return (
                <li key={id} style={{ left: `${x}px`, top: `${y}px`, width: `${NODE_WIDTH}px`, height: `${NODE_HEIGHT}px` }}>
                  <button type="button" class="node" data-state={lane.state} onClick={() => showLane(id)}>
                    <span class="node-title" dir="auto">
                      {lane.title}
                    </span>
                    <span class="node-state">
                      {icon ? <Icon name={icon} /> : <span class="dot" aria-hidden="true" />}
                      {STATE_WORDS[lane.state]}
                      {lane.after.length > 0 && <span class="node-after">after {titles(lane.after)}</span>}
                    </span>
                  </button>
                </li>
              );
            })}
          </ol>
        </div>
      </div>
    </Panel>
  );
}

/** Leads to the lane of an assignment. */
function showLane(id: string) {
  const lane = document.getElementById(`lane-${id}`);
  lane?.scrollIntoView({ block: 'nearest' });
  lane?.focus();
}
