// A button that chooses files, for those who do not drop them.

import { useRef } from "preact/hooks";

export interface ChooserProps {
  readonly label: string;
  readonly give: (files: readonly File[]) => void;
  readonly quiet?: boolean;
}

export function Chooser({ label, give, quiet = false }: ChooserProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={quiet ? "quiet" : "main"} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={label}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          currentTarget.value = "";
          if (files.length > 0) give(files);
        }}
      />
    </>
  );
}
