// `weightspace/plugins`: what a plug-in is, and the registries it adds to.

export {
  applyPlugin,
  pluginRegistry,
  type Plugin,
  type PluginRegistry,
} from "../plugins/plugin.ts";
export { loadedPlugins, type PluginRecord } from "../core/plugins.ts";
