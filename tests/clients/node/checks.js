// Named checks, one after another: `ok NAME` for each, or what went wrong and status 1.

const SECONDS = 20;

// Run the functions of `all` under their names; `before` makes each begin alike.
export async function run(all, before) {
  for (const [name, check] of Object.entries(all)) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing within ${SECONDS} s`)), SECONDS * 1000);
    });
    try {
      await before();
      await Promise.race([check(), late]);
      console.log(`ok ${name}`);
    } catch (problem) {
      console.log(`FAILED ${name}: ${problem.stack}`);
      process.exit(1);
    } finally {
      clearTimeout(timer);
    }
  }
}

// Wait until `condition` gives something true, and give that.
export async function until(condition) {
  for (;;) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
