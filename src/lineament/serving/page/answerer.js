// Who answers this page: the service that sent it. A static copy has another file of this name.
export { open } from "./service.js";
