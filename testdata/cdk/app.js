// The application whose cloud assembly is in the folder cdk.out: what CDK makes of all kinds of assets, for two accounts
// and three regions, with a stage. Run it with npm install and npm run synth, in the folder that it is in.
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const cdk = require('aws-cdk-lib');
const lambda = require('aws-cdk-lib/aws-lambda');
const { Asset } = require('aws-cdk-lib/aws-s3-assets');
const { TarballImageAsset } = require('aws-cdk-lib/aws-ecr-assets');

const source = (...names) => path.join(__dirname, 'src', ...names);

// zipOf is a zip of one file, which is stored: Node has none of its own.
function zipOf(name, text) {
  const head = Buffer.alloc(26);
  head.writeUInt16LE(20, 0); // version
  head.writeUInt16LE(0x21, 8); // 1980-01-01
  head.writeUInt32LE(zlib.crc32(text), 10);
  head.writeUInt32LE(text.length, 14);
  head.writeUInt32LE(text.length, 18);
  head.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), Buffer.from(text)]);
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), head, Buffer.alloc(14), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

// bundled is an asset that CDK has made by a program of ours, and not in a container.
function bundled(outputType, make) {
  return {
    assetHashType: cdk.AssetHashType.OUTPUT,
    bundling: { image: cdk.DockerImage.fromRegistry('none'), outputType, local: { tryBundle: (folder) => (make(folder), true) } },
  };
}

function handler(scope, id, code, more) {
  return new lambda.Function(scope, id, { runtime: lambda.Runtime.NODEJS_22_X, handler: 'app.handler', code, ...more });
}

class Jobs extends cdk.NestedStack {
  constructor(scope, id) {
    super(scope, id);
    handler(this, 'Clean', lambda.Code.fromAsset(source('clean')));
  }
}

class Shop extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const tools = new lambda.LayerVersion(this, 'Tools', { code: lambda.Code.fromAsset(source('layer')) });
    handler(this, 'Orders', lambda.Code.fromAsset(source('orders')), { layers: [tools] });
    handler(this, 'Built', lambda.Code.fromAsset(source('orders'), bundled(cdk.BundlingOutput.NOT_ARCHIVED, (folder) => {
      fs.writeFileSync(path.join(folder, 'app.js'), "exports.handler = async () => 'built';\n");
    })));
    handler(this, 'Zipped', lambda.Code.fromAsset(source('orders'), bundled(cdk.BundlingOutput.ARCHIVED, (folder) => {
      fs.writeFileSync(path.join(folder, 'code.zip'), zipOf('app.js', "exports.handler = async () => 'zipped';\n"));
    })));
    new Asset(this, 'Page', { path: source('page.html') });
    new Jobs(this, 'Jobs');
    if (props.image) {
      const image = new TarballImageAsset(this, 'Image', { tarballFile: source('image.tar') });
      new lambda.DockerImageFunction(this, 'Contained', { code: lambda.DockerImageCode.fromEcr(image.repository, { tagOrDigest: image.imageTag }) });
    }
  }
}

const app = new cdk.App({ analyticsReporting: false, treeMetadata: false, context: { 'aws:cdk:disable-creation-stack-traces': true } });
const test = '111111111111', production = '222222222222';
new Shop(app, 'Virginia', { env: { account: test, region: 'us-east-1' }, image: true });
new Shop(app, 'Ireland', { env: { account: test, region: 'eu-west-1' } });
new Shop(app, 'Anywhere', {}); // in whichever account and region it is deployed to
const stage = new cdk.Stage(app, 'Production', { env: { account: production, region: 'us-west-2' } });
new Shop(stage, 'Oregon', {
  image: true,
  synthesizer: new cdk.DefaultStackSynthesizer({
    fileAssetPublishingExternalId: 'shop', imageAssetPublishingExternalId: 'shop', bucketPrefix: 'shop/',
    fileAssetPublishingRoleAdditionalOptions: { Tags: [{ Key: 'team', Value: 'shop' }] },
  }),
});
