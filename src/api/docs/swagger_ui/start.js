// A file of its own, as the page's policy lets no script run that is written into the page. All that it asks for is
// this service's own: no validator elsewhere, no document that the address names.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  queryConfigEnabled: false,
  validatorUrl: null,
});
