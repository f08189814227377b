/** Signing in by name and password. */

import { useState } from "preact/hooks";
import { ApiError, signIn } from "../api/client";
import type { Account } from "../api/contract";

export function SignInPage({ onSignedIn }: { onSignedIn: (account: Account) => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError("");
    try {
      onSignedIn(await signIn(String(form.get("name")), String(form.get("password"))));
    } catch (cause) {
      setError(explain(cause));
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)} data-testid="sign-in-form">
        <h1>contour review</h1>
        <p class="muted">Research software, not a medical device.</p>
        <label>
          Name
          <input name="name" autocomplete="username" required autofocus data-testid="sign-in-name" />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required data-testid="sign-in-password" />
        </label>
        <p class="error" role="alert" data-testid="sign-in-error">
          {error}
        </p>
        <button class="primary" type="submit" disabled={busy} data-testid="sign-in-submit">
          Sign in
        </button>
      </form>
    </main>
  );
}

function explain(cause: unknown): string {
  if (!(cause instanceof ApiError)) return "Signing in failed";
  if (cause.reason === "SIGN_IN_REFUSED") return "Name or password is wrong";
  if (cause.reason === "TOO_MANY_ATTEMPTS") {
    return `Too many attempts. Try again in ${String(cause.detail["retry_after_s"] ?? "some")} seconds`;
  }
  return cause.message;
}
