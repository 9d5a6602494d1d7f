#!/usr/bin/env node
import { loadInTurn } from "../dist/cli/app/few-handles.js";

loadInTurn();
const { main } = await import("../dist/cli/main.js");

process.exitCode = await main(process.argv.slice(2));
