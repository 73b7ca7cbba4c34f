// Islands of the panel: each makes something quicker that works without it.
import "./js/picker.js";
import "./js/editor.js";
import "./js/save-bar.js";
import "./js/filter.js";
import "./js/file.js";
import "./js/when.js";
import "./js/amount.js";
import { localTimes } from "./js/time.js";
import { swaps } from "./js/swaps.js";
import { menus } from "./js/menu.js";

localTimes(document);
menus();
swaps();
