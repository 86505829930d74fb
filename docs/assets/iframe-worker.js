// Where a page is read from the file system a browser starts no worker: the search then runs in a frame of its own.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      const page = this.inside.document;
      page.open();
      page.write("<!doctype html><body></body>");
      page.close();
      const script = (source) => new Promise((done, failed) => {
        const made = page.createElement("script");
        Object.assign(made, { src: source, async: false, onload: done, onerror: failed });
        page.body.append(made);
      });
      this.inside.importScripts = (...sources) => Promise.all(sources.map(script));
      this.inside.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) { this.onmessage(event); }
      };
      this.ready = script(new URL(address, location.href).href);
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data })));
    }
    terminate() { this.inside.frameElement.remove(); }
  };
}
