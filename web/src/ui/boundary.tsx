import { Component, type ComponentChildren } from 'preact';

/** Keeps an error of one place from taking the whole page along, and says what to do about it. */
export class Boundary extends Component<{ children: ComponentChildren }, { message: string | undefined }> {
  override state = { message: undefined as string | undefined };

  static override getDerivedStateFromError(error: unknown) {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { message } = this.state;
    if (message === undefined) return this.props.children;
    return (
      <div class="blank" role="alert">
        <h1>This page has failed</h1>
        <p>That is an error of ours. Your projects go on, and what you typed is kept in this browser.</p>
        <p>
          <code>{message}</code>
        </p>
        <button type="button" class="primary" onClick={() => location.reload()}>
          Reload the page
        </button>
      </div>
    );
  }
}
