// Sessions of an Express application in Redis: a cookie holds a random number, all that belongs to it stays at the server.
//
//     npm install
//     node express_sessions.js --url redis://localhost:6379 --port 3000
//
// Any number of web servers share the sessions, a restart of one logs nobody out, and who is quiet for long is forgotten
// by Redis itself. Commands (by connect-redis): GET, SET EX, EXPIRE, DEL.

import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";

import { fail, options, reach, shown } from "./connecting.js";

const { url, port, minutes } = options({
  port: { type: "string", default: "3000" },
  minutes: { type: "string", default: "30" },
});
await reach(url);
const client = createClient({ url });
// Without a listener, the first lost connection would end the process; with one, node-redis connects again.
client.on("error", (problem) => console.error(`${shown(url)}: ${problem.message}`));
await client.connect().catch((problem) => fail(`${shown(url)} does not let us in: ${problem.message}`));

const app = express();
app.use(express.urlencoded({ extended: false }));
app.use(
  session({
    store: new RedisStore({ client, prefix: "example:express:" }),
    secret: "of an example; a real one is secret", // signs the cookie, so that numbers cannot be tried
    resave: false, // a session that was only read is not written; its deadline is moved on all the same (EXPIRE)
    saveUninitialized: false, // who has said nothing gets no cookie, and Redis no key
    cookie: { maxAge: Number(minutes) * 60_000, sameSite: "lax" }, // in earnest also secure: true, behind TLS
  }),
);

app.get("/", (request, response) => {
  const { user = "nobody", basket = [] } = request.session;
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.send(`${user}, visit ${request.session.visits}, basket: ${basket.join(", ") || "empty"}\n`);
});

app.post("/login", (request, response, next) => {
  const { visits } = request.session;
  // A number known before the login must not be worth anything after it.
  request.session.regenerate((problem) => {
    if (problem) return next(problem);
    Object.assign(request.session, { user: request.body.user, visits });
    response.redirect("/");
  });
});

app.post("/basket", (request, response) => {
  if (!request.session.user) return response.status(403).send("log in first\n");
  request.session.basket = [...(request.session.basket ?? []), request.body.item];
  response.redirect("/");
});

app.post("/logout", (request, response, next) => {
  request.session.destroy((problem) => (problem ? next(problem) : response.redirect("/")));
});

const server = app.listen(Number(port), "127.0.0.1", (problem) => {
  if (problem) fail(`cannot serve at port ${port}: ${problem.message}`);
  console.log(`http://127.0.0.1:${server.address().port}`);
});
