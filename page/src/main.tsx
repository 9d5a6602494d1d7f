// The page: mounts the application, and keeps everything for later once it has been painted.

import { render } from "preact";
import { App } from "./app/app.tsx";
import "./style/font.css";
import "./style/page.css";
import "./style/file.css";

const root = document.getElementById("page");
if (root === null) throw new Error("index.html has no element #page");
render(<App />, root);
