/** The plan as its row has it. */

/** An assignment; what is not known here is sent back as it came. */
export interface PlannedAssignment {
  id: string;
  title: string;
  type: string;
  objective: string;
  acceptance: readonly { id: string; check: string }[];
  owns: readonly string[];
  depends_on: readonly string[];
  [more: string]: unknown;
}
