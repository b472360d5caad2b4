"""On call with PagerDuty's own Python client, from look to resolve, and a turn taken over. Only the address is not PagerDuty's."""

import json
import sys

import pagerduty

address, routing_key = sys.argv[1:]
client = pagerduty.RestApiV2Client(
    "simulator-full-access-key", default_from="oncall-bot@example.com", base_url=address
)
service = client.find("services", "Checkout API")
user = client.find("users", "cleo@example.com", attribute="email")
schedule = client.find("schedules", "Payments rota")

created = client.rpost(
    "incidents",
    json={
        "type": "incident",
        "title": "Opened by the Python client",
        "service": {"id": service["id"], "type": "service_reference"},
    },
)
path = f"/incidents/{created['id']}"


def become(status):
    return client.rput(path, json={"type": "incident_reference", "status": status})


acknowledged = become("acknowledged")
note = client.rpost(f"{path}/notes", json={"content": "Noted by the Python client."})
become("resolved")
end = client.rget(path)

turn = {
    "start": "2030-01-08T09:00:00Z",
    "end": "2030-01-08T17:00:00Z",
    "user": {"id": user["id"], "type": "user_reference"},
}
overridden = client.rpost(f"/schedules/{schedule['id']}/overrides", json=[turn])

events = pagerduty.EventsApiV2Client(routing_key, base_url=address)
key = events.trigger("Sent by the Python client", "test", severity="critical")
event = next(client.iter_all("incidents", params={"incident_key": key}))
alerts = client.list_all(f"/incidents/{event['id']}/alerts")
events.resolve(key)

print(
    json.dumps(
        {
            "id": created["id"],
            "found": [service["id"], user["id"], schedule["id"]],
            "services": len(client.list_all("services")) > 1,
            "account_key": client.auth_type == "token",
            "statuses": [created["status"], acknowledged["status"], end["status"]],
            "note": note["content"],
            "override": overridden[0]["status"],
            "event": event["id"],
            "alerts": len(alerts),
        }
    )
)
