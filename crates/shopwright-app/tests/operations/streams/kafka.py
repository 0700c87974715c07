"""A Kafka cluster in memory (librdkafka's mock) that a test tells what to produce.

Says where it listens, then takes one JSON line per order on its input:
{"topic", "partition", "from", "count", "compression", "raw": null or a text, "tombstone": false}.
"""

import json
import sys

from confluent_kafka import Producer

cluster = Producer({"test.mock.num.brokers": 2})
brokers = cluster.list_topics(timeout=10).brokers.values()
servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
print(json.dumps({"servers": servers}), flush=True)
producers = {}
for line in sys.stdin:
    order = json.loads(line)
    compression = order["compression"]
    if compression not in producers:
        producers[compression] = Producer(
            {"bootstrap.servers": servers, "compression.type": compression, "linger.ms": 20}
        )
    producer = producers[compression]
    for number in range(order["from"], order["from"] + order["count"]):
        value = order["raw"] or json.dumps({"id": f"m{number}", "pad": "x" * 100})
        producer.produce(
            order["topic"],
            value=None if order["tombstone"] else value,
            key=b"key",
            partition=order["partition"],
        )
        producer.poll(0)
    left = producer.flush(20)
    print(json.dumps({"left": left}), flush=True)
