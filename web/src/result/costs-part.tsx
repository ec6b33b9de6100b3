import { integer, usd } from '../lib/format';
import { isFinal, type Snapshot } from '../lib/snapshot';
import type { Cost } from '../lib/task';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/notice';
import { costsOf, type Share } from './costs';

/** What the task has cost, by stage, model and agent. */
export function CostsPart({ snapshot, scripted }: { snapshot: Snapshot; scripted: boolean }) {
  const costs = costsOf(snapshot);
  if (!costs) {
    return (
      <div class="panel blank">
        <Icon name="search" />
        <h2>Nothing was spent yet</h2>
        <p>What each stage, model and agent costs stands here from the first call on.</p>
      </div>
    );
  }
  const { total, stages, models, agents } = costs;
  const estimate = snapshot.plans.findLast((plan) => plan.estimate)?.estimate;
  const named = models.map((model): Share => ({ ...model, name: model.id }));
  return (
    <div class="stack">
      <section class="panel" aria-label="Total">
        <dl class="figures">
          <Figure name={`${scripted ? 'At list prices' : 'Cost'}${isFinal(snapshot.task) ? '' : ' so far'}`} value={usd(total.costMicroUsd)} />
          {estimate && <Figure name="Estimated by the plan" value={usd(estimate.costMicroUsd)} />}
          <Figure name="Tokens in" value={integer(total.inputTokens)} />
          <Figure name="Tokens out" value={integer(total.outputTokens)} />
          <Figure name="Model calls" value={integer(total.modelCalls)} />
        </dl>
        {scripted && <p class="aside">The models are scripted: nothing was charged.</p>}
      </section>
      <div class="columns">
        <div>
          <Shares title="By stage" first="Stage" shares={stages} total={total} />
          <Shares title="By model" first="Model" shares={named} total={total} />
        </div>
        <div>
          <Shares title="By agent" first="Agent" shares={agents} total={total} />
        </div>
      </div>
    </div>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

interface SharesProps {
  title: string;
  /** What the first column holds. */
  first: string;
  shares: readonly Share[];
  total: Cost;
}

/** Who has what part of the cost, as a table. */
export function Shares({ title, first, shares, total }: SharesProps) {
  if (shares.length === 0) return null;
  const part = (share: Share) => (total.costMicroUsd > 0 ? share.costMicroUsd / total.costMicroUsd : 0);
  return (
    <Panel title={title}>
      <div class="scroll" tabIndex={0} role="region" aria-label={title}>
        <table class="shares">
          <thead>
            <tr>
              <th scope="col">{first}</th>
              <th scope="col">Cost</th>
              <th scope="col">Calls</th>
              <th scope="col">Tokens in</th>
              <th scope="col">Tokens out</th>
            </tr>
          </thead>
          <tbody>
            {shares.map((share) => (
              <tr key={share.name}>
                <th scope="row">
                  {share.name}
                  <span class="bar" aria-hidden="true">
                    <span style={{ width: `${(part(share) * 100).toFixed(1)}%` }} />
                  </span>
                </th>
                <td>
                  {usd(share.costMicroUsd)}
                  <span class="hidden">, {Math.round(part(share) * 100)} percent</span>
                </td>
                <td>{integer(share.modelCalls)}</td>
                <td>{integer(share.inputTokens)}</td>
                <td>{integer(share.outputTokens)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
