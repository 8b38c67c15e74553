// Loaded before the shop (`node -r`), in the plainest JavaScript: it must run on whatever old Node a system has.
//
// `npm ci` installs Node 24 beside the other dependencies and npm scripts find it first. Its binary is fetched by the
// package's install script, so `npm ci --ignore-scripts` leaves it out and the system's Node runs this file instead.
// It is not a `prestart` script, because the setting that skips install scripts skips those too.
const [major, minor] = process.versions.node.split('.').map(Number);

// 22.18 is the first release that runs TypeScript without a flag.
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Souk needs Node 22.18 or newer, and this is ${process.versions.node} (${process.execPath}).
Node 24 comes with the dependencies, unless install scripts are switched off. Run

  npm rebuild --ignore-scripts=false

or put a newer Node on your PATH, and start again.`,
  );
  process.exit(1);
}
