// The browser's way back. Streamlit makes two entries in the history when it goes to another page with another query:
// the old page with the new query first. Nobody has seen that one, so the new page takes its place.

let end = () => {};

/** Call before asking Streamlit for another page. Ends with the change of the path, or after some seconds. */
export function oneStep(limitMs = 5000) {
  end();
  const from = location.pathname;
  let pushed = false;
  history.pushState = (state, title, address) => {
    if (pushed) history.replaceState(state, title, address);
    else History.prototype.pushState.call(history, state, title, address);
    pushed = true;
    if (location.pathname !== from) end();
  };
  const timer = setTimeout(() => end(), limitMs);
  end = () => {
    clearTimeout(timer);
    delete history.pushState;
    end = () => {};
  };
}
