import { useState } from 'preact/hooks';
import { troubleOf } from '../lib/trouble';
import { Icon } from '../ui/icon';
import type { Contents } from './contents';
import { slug } from './names';
import type { Point } from './versions';

interface Props {
  contents: Contents;
  /** Of the project. */
  name: string;
  point: Point;
}

/** Makes an archive of the files of a point in the browser. */
export function Download({ contents, name, point }: Props) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const download = async () => {
    setBusy(true);
    setProblem('');
    try {
      const versions = [...point.files.values()];
      const [{ zipOf }, texts] = await Promise.all([import('./archive'), contents.texts(versions)]);
      const files = versions.map(({ path }, index) => [path, texts[index] ?? ''] as const);
      save(new Blob([zipOf(slug(name), files)], { type: 'application/zip' }), `${slug(name)}-${slug(point.label)}.zip`);
    } catch (error) {
      setProblem(troubleOf(error, contents.endpoint).message);
    }
    setBusy(false);
  };
  return (
    <div class="download">
      <button type="button" disabled={isBusy} onClick={() => void download()}>
        <Icon name="download" />
        {isBusy ? 'Packing…' : 'Download ZIP'}
      </button>
      {problem !== '' && (
        <p class="rule" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

function save(blob: Blob, name: string) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has its own reference once the download has begun.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
