// Before the first paint, so that a page that was set to dark does not flash.
(() => {
  try {
    const theme = localStorage.getItem('kassa.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Where nothing may be kept, the system's setting stands.
  }
})();
