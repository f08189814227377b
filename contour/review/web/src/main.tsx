/** The review page: signing in, the work list, and one review at a time, chosen by the address after #. */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { onSignedOut, signOut, whoAmI } from "./api/client";
import type { Account } from "./api/contract";
import { startCornerstone } from "./images/cornerstone";
import { ReviewPage } from "./pages/review_page";
import { SignInPage } from "./pages/sign_in_page";
import { WorkListPage } from "./pages/work_list_page";
import { Signal, useSignal } from "./state/signal";

type Session = { known: false } | { known: true; account: Account | null };

const session = new Signal<Session>({ known: false });
const setAccount = (account: Account | null): void => {
  session.value = { known: true, account };
};

function useAddress(): string {
  const [address, setAddress] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setAddress(location.hash);
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return address;
}

function App() {
  const now = useSignal(session);
  const address = useAddress();
  if (!now.known) return <main class="waiting">Loading</main>;
  if (now.account === null) return <SignInPage onSignedIn={setAccount} />;
  const review = /^#\/review\/([^/]+)$/.exec(address)?.[1];
  const leave = (): void => void signOut().finally(() => setAccount(null));
  return review === undefined ? (
    <WorkListPage account={now.account} onSignOut={leave} />
  ) : (
    <ReviewPage key={review} account={now.account} reviewId={decodeURIComponent(review)} onSignOut={leave} />
  );
}

onSignedOut(() => setAccount(null));
whoAmI().then(setAccount, () => setAccount(null));
// Starting Cornerstone takes a while; done while the work list is read, the first picture need not wait for it.
setTimeout(() => void startCornerstone(), 0);
render(<App />, document.getElementById("page") as HTMLElement);
