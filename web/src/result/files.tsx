import { useEffect, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { bytes, counted } from '../lib/format';
import { Panel } from '../ui/notice';
import { currentFiles } from '../lib/snapshot';
import type { FileVersion } from '../lib/task';
import { troubleOf } from '../lib/trouble';

/** The files as they stand; the content of one is fetched when it is opened. */
export function Files({ api, versions }: { api: Api; versions: readonly FileVersion[] }) {
  const files = currentFiles(versions);
  const size = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <Panel title="Files" aside={files.length > 0 ? `${counted(files.length, 'file')}, ${bytes(size)}` : ''}>
      {files.length === 0 ? (
        <p class="empty">Files appear here as agents finish them.</p>
      ) : (
        <ul class="files">
          {files.map((file) => (
            <File key={file.path} api={api} file={file} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function File({ api, file }: { api: Api; file: FileVersion }) {
  const [open, setOpen] = useState(false);
  const id = `content-${file.id}`;
  return (
    <li>
      <button type="button" class="file" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <span class="text">{file.path}</span>
        <span class="aside">
          {bytes(file.bytes)}, {file.assignment}
          {file.round > 1 && `, round ${file.round}`}
        </span>
      </button>
      <div id={id} hidden={!open}>
        {open && <Content key={`${file.id} ${file.updatedAt}`} api={api} file={file} />}
      </div>
    </li>
  );
}

function Content({ api, file }: { api: Api; file: FileVersion }) {
  const [content, setContent] = useState<string>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let closed = false;
    api.fileContents([file.id]).then(
      (contents) => !closed && setContent(contents.get(file.id) ?? ''),
      (error: unknown) => !closed && setProblem(troubleOf(error, api.endpoint).message),
    );
    return () => {
      closed = true;
    };
  }, [api, file.id]);
  if (problem !== '') return <p class="rule">{problem} Close and open it to try again.</p>;
  if (content === undefined) return <p class="empty">Loading…</p>;
  return (
    <pre tabIndex={0} aria-label={`Content of ${file.path}`}>
      {content === '' ? '(empty file)' : content}
    </pre>
  );
}
