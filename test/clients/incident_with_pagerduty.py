"""An incident from trigger to resolve with PagerDuty's own Python client. Only the address is not PagerDuty's."""

import json
import sys

import pagerduty

address, routing_key = sys.argv[1:]
events = pagerduty.EventsApiV2Client(routing_key, base_url=address)
key = events.trigger("Opened by the Python client", "test", severity="critical")

client = pagerduty.RestApiV2Client(
    "simulator-full-access-key", default_from="oncall-bot@example.com", base_url=address
)
incident = next(client.iter_all("incidents", params={"incident_key": key}))
path = f"/incidents/{incident['id']}"
client.rput(path, json={"type": "incident_reference", "status": "acknowledged"})
note = client.rpost(f"{path}/notes", json={"content": "Noted by the Python client."})
alerts = client.list_all(f"{path}/alerts")
events.resolve(key)
end = client.rget(path)
user = client.find("users", "ada@example.com", attribute="email")
services = client.list_all("services")
print(
    json.dumps(
        {
            "id": incident["id"],
            "note": note["content"],
            "alerts": len(alerts),
            "status": end["status"],
            "user": user["id"],
            "services": len(services) > 0,
            "account_key": client.auth_type == "token",
        }
    )
)
