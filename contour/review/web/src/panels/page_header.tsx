/** The bar at the top of every page: where one is, who is signed in, and what the software is not. */

import type { ComponentChildren } from "preact";
import type { Account, ReviewState } from "../api/contract";

interface Props {
  account: Account;
  onSignOut: () => void;
  children?: ComponentChildren;
  state?: ReviewState;
}

const STANDING: Record<ReviewState, string> = {
  new: "UNAPPROVED",
  in_review: "UNAPPROVED",
  approved: "APPROVED",
  rejected: "REJECTED",
};

export function PageHeader({ account, onSignOut, children, state }: Props) {
  return (
    <header class="page-header">
      <a href="#/" class="brand" data-testid="to-worklist">
        contour review
      </a>
      <div class="where">{children}</div>
      <p class="banner" data-testid="banner">
        Research software, not a medical device.
        {state !== undefined && <strong class={`standing ${state}`}> {STANDING[state]}</strong>}
      </p>
      <span class="who" data-testid="who">
        {account.full_name || account.name}, {account.role}
      </span>
      <button type="button" onClick={onSignOut} data-testid="sign-out">
        Sign out
      </button>
    </header>
  );
}
